#include "adapter/preflight.hpp"

#include <cerrno>
#include <set>

#include "adapter/instance.hpp"
#include "adapter/library.hpp"
#include "base/escape.hpp"

namespace usher::adapter {

Result<std::vector<std::filesystem::path>> candidates(const HostOptions& options) {
  if (options.automatic) {
    return find_libraries(options.directory);
  }
  std::vector<std::filesystem::path> paths;
  for (const auto& name : options.selected) {
    paths.push_back(library_path(name, options.directory));
  }
  return paths;
}

bool refuses_settings(const Error& error, const Config& config) {
  return error.code == EINVAL && !config.empty();
}

std::vector<RefusedSettings> refused_settings(const HostOptions& options) {
  std::vector<RefusedSettings> refused;
  std::set<std::string, std::less<>> known;
  const auto paths = candidates(options);
  for (const auto& path : paths ? *paths : std::vector<std::filesystem::path>{}) {
    const auto library = open_library(path, options.trust_any_owner);
    known.insert(library ? library->name : path.stem().string());
    const auto at = library ? options.config.find(library->name) : options.config.end();
    if (at == options.config.end()) {
      continue;
    }
    if (const auto here = probe(*library, at->second);
        !here && refuses_settings(here.error(), at->second)) {
      refused.push_back({library->name, here.error().message});
    }
  }
  for (const auto& [name, config] : options.config) {
    if (!known.contains(name)) {
      refused.push_back({name, "settings for adapter \"" + escape(name) + "\", which is not in " +
                                   escape(options.directory.string()) +
                                   " or not selected; remove them or install it"});
    }
  }
  return refused;
}

}  // namespace usher::adapter
