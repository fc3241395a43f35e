// The names that a shared object exports.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace usher::adapter {

// Defined symbols of the dynamic table that others can bind to. 64-bit ELF of this machine's byte
// order only.
Result<std::vector<std::string>> exported_symbols(const std::filesystem::path& path);

}  // namespace usher::adapter
