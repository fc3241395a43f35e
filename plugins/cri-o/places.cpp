#include "cri-o/places.hpp"

#include <algorithm>

#include "cri-o/hooks_dir.hpp"
#include "install/node.hpp"
#include "install/or_throw.hpp"

namespace usher::cri_o {

bool Places::is_read() const {
  return std::ranges::find(all, ours) != all.end();
}

std::vector<std::string> Places::every() const {
  auto dirs = all;
  if (!is_read()) {
    dirs.push_back(ours);
  }
  return dirs;
}

Places places_of(const install::Node& node, const HookOptions& options) {
  Places places;
  places.all = install::or_throw(hooks_dirs(node, options.runtime));
  if (!options.hooks_dir.empty()) {
    places.ours = options.hooks_dir;
    return places;
  }
  if (places.all.empty()) {
    throw plugin::Failure("the configuration of " + options.runtime +
                          " has an empty hooks_dir: it reads no hooks; name a directory there, or "
                          "give the setting hooks_dir");
  }
  places.ours = places.all.back();
  for (const auto& dir : places.all) {
    if (node.is_directory(dir)) {
      places.ours = dir;
    }
  }
  return places;
}

std::vector<std::string> all_hook_dirs(const install::Node& node, const Places& places) {
  auto dirs = places.every();
  for (const auto& more : {cri_o_hooks_dirs(node), podman_hooks_dirs(node)}) {
    if (more) {
      dirs.insert(dirs.end(), more->begin(), more->end());
    }
  }
  std::ranges::sort(dirs);
  const auto rest = std::ranges::unique(dirs);
  dirs.erase(rest.begin(), rest.end());
  return dirs;
}

}  // namespace usher::cri_o
