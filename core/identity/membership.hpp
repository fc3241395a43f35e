// Who is in a container's cgroup and mount namespace: whether nobody else is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/error.hpp"

namespace usher::identity {

// Every process in `cgroup` and in the cgroups below it is `pid`, descends from it, or is in its
// pid namespace where that is not the agent's. The error names the process that is not.
Result<> owns_cgroup(int pid, const std::filesystem::path& cgroup,
                     const std::filesystem::path& proc);

// Every process in `cgroup` and below is `pid`, or the parent of `pid` where that is in there too,
// or descends from that one.
Result<> is_one_family(int pid, const std::filesystem::path& cgroup,
                       const std::filesystem::path& proc);

// Whether a thread outside `cgroup` (a path below the cgroup2 root) and the cgroups below it lives
// in the mount namespace of that number. Looks at every thread of the machine: for rare questions.
bool mount_namespace_shared(std::uint32_t mntns, std::string_view cgroup,
                            const std::filesystem::path& proc);

}  // namespace usher::identity
