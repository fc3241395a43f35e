// Finds the cgroup2 mount.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.hpp"

namespace usher::enforce {

// The mount point of the whole cgroup2 tree in a mountinfo file's text; the first where there are
// several. An error when there is none.
Result<std::filesystem::path> find_cgroup_root(std::string_view mountinfo);

// `wanted`, checked to be on cgroup2, or where it is empty the mount that /proc/self/mountinfo has.
Result<std::filesystem::path> cgroup_root_or_found(const std::filesystem::path& wanted);

}  // namespace usher::enforce
