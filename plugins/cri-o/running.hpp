// Is a runtime running that started before a directory was made? CRI-O watches only the directories
// that were there at its start.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string_view>

namespace usher::cri_o {

// The process called `name` with the root directory `root` (as it lies here) that started before
// the directory `path` (likewise) was made. Nothing where there is none, where processes of the
// node cannot be seen, or where the filesystem does not remember when a directory was made.
std::optional<pid_t> started_before(std::string_view name, const std::filesystem::path& root,
                                    const std::filesystem::path& path);

}  // namespace usher::cri_o
