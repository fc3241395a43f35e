// Whole-file reads with a bound, and writes that replace by rename.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher {

// Everything up to end of file. Errors: more than `limit` bytes, no regular file (a fifo would
// block).
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 16U << 20);
Result<std::string> read_all(int fd, std::size_t limit, std::string_view name);

// Writes a temporary file beside `path`, syncs it, renames it over `path`. Readers see the old or
// the new content, never a part. `sync` false leaves out the fsync (for files under /run).
Result<> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0600,
                    bool sync = true);

}  // namespace usher
