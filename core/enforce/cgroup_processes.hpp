// Who runs in a cgroup.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

namespace usher::enforce {

// The processes in a cgroup and below it, by their pids as the agent sees them. None where they
// cannot be told one by one: the cgroup cannot be read, has more than `most` processes, or one that
// lives outside the agent's pid namespace. A cgroup that is gone has none.
std::optional<std::vector<int>> processes_below(const std::filesystem::path& cgroup,
                                                std::size_t most);

}  // namespace usher::enforce
