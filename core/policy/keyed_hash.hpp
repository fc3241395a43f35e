// usher_hash.h over C++ strings: the same keys that the kernel programs compute.
#pragma once

#include <cstdint>
#include <string_view>

#include "usher_bpf.h"

namespace usher::policy {

// The keyed hash of one name (or of the beginning of one).
std::uint64_t hash_name(const usher_key& key, std::string_view name);

// The next component of an absolute path, taken off its front; empty at the end.
std::string_view take_component(std::string_view& path);

// The fold of an absolute, normalised path that begins at `root` (usher_root, usher_program_root).
std::uint64_t fold_path(const usher_key& key, std::uint64_t root, std::string_view path);

}  // namespace usher::policy
