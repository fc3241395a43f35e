// A lock that one process holds, under a name that others can look up.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher {

// Makes `path` (0600) where it is missing, locks it and writes our pid into it. The lock lasts
// until the descriptor is closed, so it ends with the process, however that ends; the file stays,
// since removing it would let two processes hold two locks of one name. Where another process holds
// it the code is EWOULDBLOCK and the message "cannot lock PATH: WHO (pid N) REMEDY".
Result<Fd> hold_lock_file(const std::filesystem::path& path, std::string_view who,
                          std::string_view remedy);

}  // namespace usher
