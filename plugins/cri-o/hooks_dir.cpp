#include "cri-o/hooks_dir.hpp"

#include <algorithm>
#include <optional>

#include "base/escape.hpp"
#include "cri-o/identify.hpp"

#define USHER_TOML usher_cri_o_toml
#include "install/checked_toml.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;
using Dirs = std::vector<std::string>;

// `path` itself, or all files below it where it is a directory; none where it is not there.
Result<std::vector<fs::path>> files_at(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return fs::exists(path, error) ? std::vector{path} : std::vector<fs::path>{};
  }
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) {
      files.push_back(it->path());
    }
  }
  if (error) {
    return fail_system("cannot read " + path.string(), error.value());
  }
  std::ranges::sort(files);
  return files;
}

Result<toml::table> parse(const std::string& text, const std::string& name) {
  const auto broken = [&](const toml::source_position& at, std::string_view why) {
    return fail(escape(name) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                ": " + escape(why));
  };
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return broken(error.source().begin, error.description());
  } catch (const std::logic_error& error) {
    return broken({1, 1}, std::string(error.what()) + " in a key, a value or a table's name");
  }
}

Result<std::optional<Dirs>> hooks_dir_in(const install::Node& node, const fs::path& file,
                                         std::string_view table) {
  auto text = node.read_here(file, 4U << 20);
  if (!text) {
    return std::unexpected(std::move(text.error()));
  }
  const auto parsed = parse(*text, file.string());
  if (!parsed) {
    return std::unexpected(parsed.error());
  }
  const auto value = parsed->at_path(std::string(table) + ".hooks_dir");
  if (!value) {
    return std::nullopt;
  }
  const auto* list = value.as_array();
  if (list == nullptr || !std::ranges::all_of(*list, [](const auto& v) { return v.is_string(); })) {
    return fail(escape(file.string()) + ": " + std::string(table) +
                ".hooks_dir must be a list of strings");
  }
  Dirs dirs;
  for (const auto& entry : *list) {
    dirs.push_back(entry.value_or(std::string()));
  }
  return dirs;
}

Result<Dirs> merged(const install::Node& node, const std::vector<const char*>& places,
                    std::string_view table, std::string_view suffix, Dirs dirs) {
  for (const char* place : places) {
    const auto files = files_at(node.follow(place));
    if (!files) {
      return std::unexpected(files.error());
    }
    for (const auto& file : *files) {
      if (!file.native().ends_with(suffix)) {
        continue;
      }
      auto found = hooks_dir_in(node, file, table);
      if (!found) {
        return fail_in("cannot find the hooks directories", std::move(found.error()));
      }
      if (*found) {
        dirs = std::move(**found);
      }
    }
  }
  return dirs;
}

}  // namespace

Result<Dirs> cri_o_hooks_dirs(const install::Node& node) {
  return merged(node, {"/etc/crio/crio.conf", "/etc/crio/crio.conf.d"}, "crio.runtime", "",
                {"/usr/share/containers/oci/hooks.d"});
}

Result<Dirs> podman_hooks_dirs(const install::Node& node) {
  return merged(node,
                {"/usr/share/containers/containers.conf", "/etc/containers/containers.conf",
                 "/etc/containers/containers.conf.d"},
                "engine", ".conf",
                {"/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"});
}

Result<Dirs> hooks_dirs(const install::Node& node, const std::string& runtime) {
  return runtime == kPodman ? podman_hooks_dirs(node) : cri_o_hooks_dirs(node);
}

std::vector<std::string> config_directories(const std::string& runtime) {
  return runtime == kPodman
             ? Dirs{"/usr/share/containers", "/etc/containers", "/etc/containers/containers.conf.d"}
             : Dirs{"/etc/crio", "/etc/crio/crio.conf.d"};
}

}  // namespace usher::cri_o
