// Images whose /bin, /sbin, /lib… are links into /usr: rules and requested names are read there.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "policy/policy.hpp"

namespace usher::policy {

// In the order of the USHER_MERGED_* bits and of usher_config.merged_hash.
inline constexpr std::array<std::string_view, 6> kMergedNames = {"bin",   "sbin",  "lib",
                                                                 "lib32", "lib64", "libx32"};

// True when the first component of `path` is a directory whose bit is set in `merged`.
bool begins_merged(std::string_view path, std::uint32_t merged);

// "/bin", "/bin/sh" → "/usr/bin", "/usr/bin/sh" where the bit is set; else `path`.
std::string read_merged(std::string_view path, std::uint32_t merged);

// A pattern is read so when it speaks of something below such a directory, or of the directory with
// all in it. An exact "/bin" or a prefix "/bi*" is about the link itself and stays.
PathPattern read_merged(const PathPattern& pattern, std::uint32_t merged);

}  // namespace usher::policy
