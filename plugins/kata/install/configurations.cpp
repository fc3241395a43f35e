#include "kata/install/configurations.hpp"

#define USHER_TOML usher_kata_toml
#include "install/checked_toml.hpp"
// after checked_toml.hpp, which renames toml++'s namespace
#include <re2/re2.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/escape.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRoots[] = {"/etc/kata-containers",
                                  "/opt/kata/share/defaults/kata-containers",
                                  "/usr/share/defaults/kata-containers"};
constexpr std::size_t kMaxConfiguration = 1U << 20;

bool is_configuration(const std::string& name) {
  return name.starts_with("configuration") && name.ends_with(".toml");
}

std::vector<std::string> strings_of(const USHER_TOML::array* array) {
  std::vector<std::string> out;
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    if (const auto text = (*array)[i].value<std::string>()) {
      out.push_back(*text);
    }
  }
  return out;
}

// Puts what `text` says over what is there, as Kata merges drop-ins: tables by key, the rest whole.
Result<> merge(Configuration& into, const std::string& text, const std::string& file) {
  try {
    const USHER_TOML::table table = USHER_TOML::parse(std::string_view(text));
    if (const auto* hypervisors = table["hypervisor"].as_table()) {
      for (const auto& [name, value] : *hypervisors) {
        const auto* one = value.as_table();
        if (one == nullptr) {
          continue;
        }
        auto& to = into.hypervisors[std::string(name.str())];
        if (const auto path = (*one)["guest_hook_path"].value<std::string>()) {
          to.guest_hook_path = *path;
          to.guest_hook_path_from = file;
        }
        if (const auto* enabled = (*one)["enable_annotations"].as_array()) {
          to.enable_annotations = strings_of(enabled);
        }
      }
    }
    if (const auto* mounts = table["runtime"]["sandbox_bind_mounts"].as_array()) {
      into.bind_mounts = strings_of(mounts);
    }
    return {};
  } catch (const USHER_TOML::parse_error& problem) {
    return fail(escape(file) + " is no TOML: " + std::string(problem.description()));
  } catch (const std::exception& problem) {
    return fail(escape(file) + " is no TOML: " + problem.what());
  }
}

std::vector<std::string> names_in(const install::Node& node, const std::string& directory) {
  std::vector<std::string> out;
  std::error_code failed;
  for (fs::directory_iterator at(node.follow(directory), failed), end; !failed && at != end;
       at.increment(failed)) {
    out.push_back(at->path().filename().string());
  }
  std::ranges::sort(out);
  return out;
}

// Drop-ins in name order. Of those after ours it is noted whether they undo it.
Result<> merge_drop_ins(const install::Node& node, Configuration& into) {
  const std::string directory = fs::path(into.drop_in).parent_path();
  for (const auto& name : names_in(node, directory)) {
    if (!name.ends_with(".toml") || name == kDropIn) {
      continue;
    }
    const std::string file = directory + "/" + name;
    const auto text = node.read(file, kMaxConfiguration);
    if (!text || !*text) {
      return text ? Result<>{} : fail(text.error().message);
    }
    if (auto merged = merge(into, **text, file); !merged) {
      return merged;
    }
    Configuration alone;
    if (name > kDropIn && merge(alone, **text, file) &&
        (!alone.bind_mounts.empty() || std::ranges::any_of(alone.hypervisors, [](const auto& one) {
          return !one.second.guest_hook_path_from.empty();
        }))) {
      into.over_ours.push_back(file);
    }
  }
  return {};
}

Result<Configuration> whole(const install::Node& node, const std::string& directory,
                            const std::string& name, const std::string& shim) {
  Configuration out;
  out.file = directory + "/" + name;
  out.shim = shim;
  out.drop_in = directory + "/config.d/" + kDropIn;
  const auto text = node.read(out.file, kMaxConfiguration);
  if (!text) {
    return std::unexpected(text.error());
  }
  if (auto merged = merge(out, text->value_or(""), out.file); !merged) {
    return std::unexpected(std::move(merged.error()));
  }
  if (auto merged = merge_drop_ins(node, out); !merged) {
    return std::unexpected(std::move(merged.error()));
  }
  return out;
}

void look_in(const install::Node& node, const std::string& directory, const std::string& shim,
             Configurations& out) {
  std::vector<std::string> names;
  for (auto& name : names_in(node, directory)) {
    if (is_configuration(name)) {
      names.push_back(std::move(name));
    }
  }
  if (names.empty()) {
    return;
  }
  const auto main = std::ranges::find(names, "configuration.toml");
  if (main == names.end() && names.size() > 1) {
    if (!shim.empty()) {
      out.problems.push_back(directory + " has " + std::to_string(names.size()) +
                             " configurations and no configuration.toml: which one Kata reads is "
                             "not certain; nothing is put there");
    }
    return;  // templates, of which an operator chooses one
  }
  auto found = whole(node, directory, main == names.end() ? names.front() : *main, shim);
  if (found) {
    out.found.push_back(std::move(*found));
  } else {
    out.problems.push_back(found.error().message);
  }
}

}  // namespace

Configurations configurations_of(const install::Node& node) {
  Configurations out;
  std::set<fs::path> seen;  // /opt/kata/… may be a link of another's
  for (const std::string root : kRoots) {
    std::vector<std::pair<std::string, std::string>> directories{{root, ""}};
    for (const auto& shim : names_in(node, root + "/runtimes")) {
      directories.emplace_back(root + "/runtimes/" + shim, shim);
    }
    for (const auto& [directory, shim] : directories) {
      if (node.is_directory(directory) && seen.insert(node.follow(directory)).second) {
        look_in(node, directory, shim, out);
      }
    }
  }
  return out;
}

Result<Configuration> read_configuration(const std::string& text) {
  Configuration out;
  if (auto merged = merge(out, text, "the configuration"); !merged) {
    return std::unexpected(std::move(merged.error()));
  }
  return out;
}

std::vector<std::string> patterns_for(const std::vector<std::string>& enabled,
                                      const std::string& annotation) {
  std::vector<std::string> out;
  for (const auto& pattern : enabled) {
    const RE2 expression(pattern, RE2::Quiet);
    if (!expression.ok() || RE2::FullMatch(annotation, expression)) {
      out.push_back(pattern);
    }
  }
  return out;
}

}  // namespace usher::kata
