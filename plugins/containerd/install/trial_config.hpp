// A configuration with which containerd can be started beside the one that runs.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::containerd {

// `dump`: all of a configuration, as containerd itself prints it. What containerd writes, listens
// on, or shares with another goes below `directory` (both as containerd sees them), or is off: its
// root, state and sockets, NRI's and the proxies' too, the roots of snapshotters, NRI's plugins,
// its cgroup, resource control. Everything else is what it was, so that what decides whether CRI
// comes up is tried: runtimes and their base specs, the snapshotter, every plugin's table, what is
// disabled and what is required. `is_there` says whether there is such a directory: one that
// containerd would only look into, or make.
Result<std::string> trial_config(std::string_view dump, const std::string& directory,
                                 const std::function<bool(const std::string&)>& is_there);

}  // namespace usher::containerd
