#include "containerd/install/imports.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>

namespace usher::containerd {
namespace {

namespace fs = std::filesystem;

// Component by component, so that links are followed as the node follows them. A leading dot is
// matched by a star, as containerd does.
std::vector<std::string> matches(const install::Node& node, const fs::path& pattern) {
  std::vector<fs::path> found = {"/"};
  for (const auto& part : pattern.relative_path()) {
    std::vector<fs::path> next;
    for (const auto& base : found) {
      if (part.native().find_first_of("*?[\\") == std::string::npos) {
        next.push_back(base / part);
        continue;
      }
      std::error_code none;
      for (fs::directory_iterator it(node.follow(base), none), end; !none && it != end;
           it.increment(none)) {
        const std::string name = it->path().filename();
        if (::fnmatch(part.c_str(), name.c_str(), FNM_PATHNAME) == 0) {
          next.push_back(base / name);
        }
      }
    }
    found = std::move(next);
  }
  std::vector<std::string> out;
  for (const auto& path : found) {
    std::error_code none;
    if (fs::exists(node.follow(path), none)) {
      out.push_back(path);
    }
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::vector<std::string> imported(const install::Node& node, const std::string& by,
                                  const std::vector<std::string>& imports,
                                  const Generation& generation) {
  std::vector<std::string> out;
  for (const auto& text : imports) {
    const fs::path path = fs::path(text).lexically_normal();
    const bool pattern = text.find('*') != std::string::npos;
    // containerd 1 looks for a relative pattern in its own working directory, which is / as a
    // service.
    const fs::path base =
        pattern && !generation.merges() ? fs::path("/") : fs::path(by).parent_path();
    const fs::path whole = path.is_absolute() ? path : (base / path).lexically_normal();
    if (pattern) {
      const auto found = matches(node, whole);
      out.insert(out.end(), found.begin(), found.end());
    } else {
      out.push_back(whole);
    }
  }
  return out;
}

}  // namespace usher::containerd
