// What a container's process does between its fork and its program.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace usher::kata {

struct Program {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string directory = "/";
};

// In the forked process, in namespaces of its own: waits for a byte on `release`, makes `rootfs`
// its root, writes a byte to `ready`, waits for the reader of `fifo` (a descriptor of O_PATH) and
// executes the program. Its output goes to `output`.
[[noreturn]] void become_container(const std::filesystem::path& rootfs, const Program& program,
                                   int release, int ready, int fifo, int output);

[[noreturn]] void execute(const Program& program);

}  // namespace usher::kata
