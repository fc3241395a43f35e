// Finds where a container lives, from the pid that its runtime named.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "identity/identity.hpp"

namespace usher::identity {

struct PlacementOptions {
  std::filesystem::path cgroup_root;     // the cgroup2 mount
  std::filesystem::path proc = "/proc";  // of the agent's own pid namespace
  // The container runs: it may have made cgroups below its own, and its process may be in one.
  bool running = false;
};

// The cgroup2 path of `pid` (unified or hybrid tree: the "0::" line), its id, its mount namespace;
// `merged` is left 0. The child "container" that crun makes in a container's scope stands for the
// scope. The pidfd is taken first and checked last, so that the answer is of one process.
//
// Errors: the process is gone; is in the root cgroup, in the agent's own or in one above that;
// moved meanwhile; is in the mount namespace of the agent or (where it may be read) of pid 1;
// shares its cgroup with others. A cgroup is its own when every process in it and below it is
// `pid`, a descendant of `pid`, or in the pid namespace of `pid` where that is not the agent's. So
// at the gate, where a container is one process, the answer is exact; a container that runs in the
// host's pid namespace and into which something was exec'd is refused later on, never taken in
// wrongly. Blocking, but reads only /proc and cgroupfs.
Result<Placement> place(int pid, const PlacementOptions& options);

// The cgroup of a process of the runtime's own for one sandbox (a virtual machine's monitor), which
// lives in the host's root and mount namespace: `mntns` is left 0. Errors: as place, but for the
// mount namespace; and it must be that sandbox's alone: either its name holds the sandbox's id, or
// everybody in it and below is `pid`, its parent in there, or descends from these.
Result<Placement> place_on_host(int pid, std::string_view sandbox_id,
                                const PlacementOptions& options);

// Pod uid and container id must agree with the cgroup path where the path carries them
// (identity/cgroup_path.hpp has the forms). An identity that names a pod in a path that belongs to
// another, or none in the path of a pod, is an error that says both. (A sandbox that claims no pod
// at all is only held to its container id.)
Result<> agrees(const Identity& who, std::string_view cgroup_path);

// A process of the container whose cgroup this is (below the cgroup2 mount, or in the systemd form
// slice:prefix:name), for runtimes that name no pid: the first of its pid namespace where it has
// one of its own, else one whose parent is outside. Errors: no such cgroup, nobody in it.
Result<int> process_in(std::string_view cgroup_path, const PlacementOptions& options);

// The runtime's init of a container that is just being made, for hooks that are given no pid: the
// one process in its cgroup, or in the child "container" that crun makes there. `cgroup_path` as
// above. Errors: no such cgroup, nobody in it, more than one process, one that the agent cannot
// see, or one that has entered the container's root already (its program may run).
Result<int> init_process_in(std::string_view cgroup_path, const PlacementOptions& options);

// merged_directories of the root that `pid` runs in. An error where that is the root of pid 1 or of
// the agent: the container has not entered its own yet.
Result<std::uint32_t> merged_of_process(int pid, const PlacementOptions& options);

// USHER_MERGED_* of an image's root: which of /bin, /sbin, /lib… link to /usr/<same>. `rootfs` is
// the host's path of the container's root; an unreadable one is an error.
Result<std::uint32_t> merged_directories(const std::filesystem::path& rootfs);

// The container's root as its bundle's config.json names it (state.root where crun gives it),
// absolute on the host.
Result<std::filesystem::path> rootfs_of(const OciState& state);

// The same from a hook that names no bundle, only `said`: the bundle, the root, or BUNDLE/ROOT,
// also where ROOT is absolute. It is not believed: a config.json there must place the container
// into `cgroups_path` and name that root, or the root must be a mount that `pid`, the runtime's
// init, has. Errors: none of this holds.
Result<std::filesystem::path> noticed_root(const std::string& said, std::string_view cgroups_path,
                                           int pid, const PlacementOptions& options);

}  // namespace usher::identity
