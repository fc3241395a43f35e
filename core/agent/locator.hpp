// What the agent asks the machine about a container; tests put their own answers here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::agent {

struct Locator {
  std::function<Result<identity::Placement>(int pid)> place;
  std::function<Result<std::uint32_t>(const identity::OciState&)> merged;  // USHER_MERGED_*
  // Is that very cgroup (path and id; the id alone where the path is empty) still there?
  std::function<bool(const identity::Placement&)> exists;
  // Does anybody outside that cgroup live in its mount namespace? Slow: looks at every thread.
  std::function<bool(const identity::Placement&)> shares_mntns;
  std::function<std::int64_t()> now;  // seconds since the epoch
  std::uint64_t own_cgroup = 0;       // the agent's; never enrolled
};

// The real machine. `cgroup_root`: the cgroup2 mount.
Locator machine_locator(const std::filesystem::path& cgroup_root);

}  // namespace usher::agent
