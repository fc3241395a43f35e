// What the agent asks the machine about a container; tests put their own answers here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::agent {

struct Locator {
  std::function<Result<identity::Placement>(int pid)> place;
  std::function<Result<std::uint32_t>(const identity::OciState&)> merged;  // USHER_MERGED_*
  // The same for a container of which its runtime gave no OCI state, and may run already.
  std::function<Result<identity::Placement>(int pid)> place_running;
  std::function<Result<int>(std::string_view cgroup_path)> process_in;
  std::function<Result<std::uint32_t>(int pid)> merged_of;
  // A process of the runtime's own for a sandbox, in the host's root, and what its root merges.
  std::function<Result<identity::Placement>(int pid, const std::string& sandbox_id)> place_on_host;
  std::function<Result<std::uint32_t>(int pid)> merged_on_host;
  // Takes hold of a process: does it live still, and is it still that one?
  std::function<Result<std::function<bool()>>(int pid)> hold;
  // The runtime's init in a cgroup, before the container's program.
  std::function<Result<int>(std::string_view cgroup_path)> init_in;
  // The container's root on the host, of which only a hook's word `said` is there.
  std::function<Result<std::filesystem::path>(const std::string& said,
                                              const std::string& cgroups_path, int pid)>
      noticed_root;
  // Is that very cgroup (path and id; the id alone where the path is empty) still there?
  std::function<bool(const identity::Placement&)> exists;
  // Does anybody outside that cgroup live in its mount namespace? Slow: looks at every thread.
  std::function<bool(const identity::Placement&)> shares_mntns;
  // The path of the cgroup with that id below the cgroup2 mount; empty: it is gone.
  std::function<std::string(std::uint64_t id)> cgroup_path;
  std::function<std::int64_t()> now;  // seconds since the epoch
  std::uint64_t own_cgroup = 0;       // the agent's; never enrolled
  std::string own_container;          // its id, where the agent runs in one
  std::uint64_t own_pod_cgroup = 0;   // its pod's, where it runs in one
  std::string own_program;            // its path in its own root
  // Why the kernel would not know a new pod of it for its own (USHER_UNENROLLED_DENY); empty: it
  // would, or the agent runs in none.
  std::string own_pod_problem;
};

// The real machine. `cgroup_root`: the cgroup2 mount.
Locator machine_locator(const std::filesystem::path& cgroup_root);

}  // namespace usher::agent
