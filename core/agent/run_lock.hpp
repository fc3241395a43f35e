// One agent per run directory.
#pragma once

#include <filesystem>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::agent {

// Makes the directory (0700) where it is missing and holds RUN_DIR/usherd.lock until the descriptor
// is closed. Errors: another agent holds it (with its pid), the directory cannot be made.
Result<Fd> lock_run_directory(const std::filesystem::path& run_dir);

}  // namespace usher::agent
