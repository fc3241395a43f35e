#include "cri-o/survey.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "base/escape.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

Result<std::vector<std::string>> names_in(const install::Node& node, const std::string& dir) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(node.follow(dir), error), end; !error && it != end;
       it.increment(error)) {
    // Not by extension(): a file that is called ".json" counts too.
    if (const auto name = it->path().filename().string(); name.ends_with(".json")) {
      names.push_back(name);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_system("cannot list the hooks directory " + escape(dir), error.value());
  }
  return names;
}

// A name whose file is gone by the time that it is read (or a dangling link) is passed over, as the
// runtimes do.
std::optional<FoundHook> read_hook(const install::Node& node, const fs::path& path) {
  auto content = node.read(path, kMaxHookFile);
  if (!content) {
    return FoundHook{path, "", std::unexpected(std::move(content.error())), "", false};
  }
  if (!*content) {
    return std::nullopt;
  }
  FoundHook found{path, std::move(**content), {}, "", false};
  found.definition = parse_hook(found.content);
  if (found.definition && !found.definition->old_schema) {
    const fs::path program = node.follow(found.definition->path);
    struct stat info{};
    if (::stat(program.c_str(), &info) != 0) {
      found.program_missing = errno == ENOENT;
      if (!found.program_missing) {
        found.definition =
            fail_system("its program " + escape(found.definition->path) + " cannot be found");
      }
    }
  }
  return found;
}

}  // namespace

Result<std::vector<FoundHook>> survey(const install::Node& node,
                                      const std::vector<std::string>& dirs) {
  std::vector<FoundHook> all;
  for (const auto& dir : dirs) {
    const auto names = names_in(node, dir);
    if (!names) {
      return std::unexpected(names.error());
    }
    for (const auto& name : *names) {
      auto found = read_hook(node, fs::path(dir) / name);
      if (!found) {
        continue;
      }
      for (auto& earlier : all) {
        // A file that cannot be read replaces nothing: it keeps the runtime from starting.
        if (found->definition && !found->program_missing && earlier.path.filename() == name) {
          earlier.replaced_by = found->path;
        }
      }
      all.push_back(std::move(*found));
    }
  }
  std::ranges::sort(all, {}, [](const FoundHook& hook) {
    const auto name = hook.path.filename().string();
    return std::tuple(lower(name), name, hook.path.string());
  });
  return all;
}

}  // namespace usher::cri_o
