// Whether a cgroup holds one container and nobody else. A part of place().
#pragma once

#include <filesystem>

#include "base/error.hpp"

namespace usher::identity {

// Every process in `cgroup` and in the cgroups below it is `pid`, descends from it, or is in its
// pid namespace where that is not the agent's. The error names the process that is not.
Result<> owns_cgroup(int pid, const std::filesystem::path& cgroup,
                     const std::filesystem::path& proc);

}  // namespace usher::identity
