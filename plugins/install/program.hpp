// The hook's program on the node: usher-hook-VERSION in a directory of its own. A new version comes
// beside the old one, and the old one stays as long as anything names it.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "install/node.hpp"
#include "install/options.hpp"

namespace usher::install {

inline constexpr std::size_t kMaxProgram = 64U << 20;

// What `file --version` says. A program that cannot be run here (another architecture, a mount
// without exec) or says something else is an error, so that it is never installed. Runs it with an
// empty environment, for at most `deadline`.
Result<std::string> version_of(const std::filesystem::path& file,
                               std::chrono::milliseconds deadline);

// The same for a caller with these options, who may know it from an earlier look.
Result<std::string> version_of(const std::filesystem::path& file, const Options& options);

// Do both files hold the same? Paths as they lie here. An error where one cannot be read.
Result<bool> same_content(const std::filesystem::path& one, const std::filesystem::path& other,
                          const Options& options);

// How long a caller with these options may wait for it.
std::chrono::milliseconds patience(const Options& options);

// On the node.
std::string program_path(const Options& options, const std::string& version);

// All of ours in the directory of `options`, on the node, in name order.
std::vector<std::string> installed_programs(const Node& node, const Options& options);

// Who names the program at `path`: the hook files of `dirs`, and the records of containers, whose
// poststop hook is in them until they are gone. Empty: nobody. Stops at the first few, and reads so
// much at a time as the caller of these options may wait for: where more is left, that counts as a
// user, and what was read is known to the next look.
std::vector<std::string> users_of(const Node& node, const Options& options, const std::string& path,
                                  const std::vector<std::string>& dirs);

}  // namespace usher::install
