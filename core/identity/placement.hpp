// Finds where a container lives, from the pid that its runtime named.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "identity/identity.hpp"

namespace usher::identity {

struct PlacementOptions {
  std::filesystem::path cgroup_root;  // the cgroup2 mount
  std::filesystem::path proc = "/proc";
};

// The cgroup2 path of `pid` (unified or hybrid tree), its id, its mount namespace. The pidfd is
// taken first and checked last, so that the answer is of one process. Errors: the process is gone,
// is in the root cgroup or in the agent's own, shares its cgroup with processes that are not the
// container's (a cgroup of its own is demanded), or is in the host's mount namespace.
Result<Placement> place(int pid, const PlacementOptions& options);

// Pod uid and container id must agree with the cgroup path where the path carries them
// (cgroupfs and systemd forms). An identity that names a pod in a path that belongs to another is
// an error that says both.
Result<> agrees(const Identity& who, std::string_view cgroup_path);

// USHER_MERGED_* of an image's root: which of /bin, /sbin, /lib… link to /usr/<same>. `rootfs` is
// the host's path of the container's root; an unreadable one is an error.
Result<std::uint32_t> merged_directories(const std::filesystem::path& rootfs);

// The container's root as its bundle's config.json names it (state.root where crun gives it).
Result<std::filesystem::path> rootfs_of(const OciState& state);

}  // namespace usher::identity
