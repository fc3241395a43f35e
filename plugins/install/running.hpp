// Which runtimes run, and since when.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace usher::install {

struct Process {
  pid_t pid = 0;
  std::chrono::nanoseconds started{};  // since the epoch, rounded down to the kernel's tick
  std::vector<std::string> arguments;
};

// Those called `name` with the root directory `root` (as it lies here), as far as they can be seen.
std::vector<Process> processes(std::string_view name, const std::filesystem::path& root);

// CRI-O watches only the directories that were there at its start. The process called `name` with
// the root directory `root` (as it lies here) that started before the directory `path` (likewise)
// was made. Nothing where there is none, where processes of the node cannot be seen, or where the
// filesystem does not remember when a directory was made.
std::optional<pid_t> started_before(std::string_view name, const std::filesystem::path& root,
                                    const std::filesystem::path& path);

}  // namespace usher::install
