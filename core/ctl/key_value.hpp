// KEY=VALUE arguments as an adapter's settings.
#pragma once

#include <string>
#include <vector>

#include "adapter/host.hpp"

namespace usher::ctl {

// A check of CLI11: empty, or what is wrong with the argument.
std::string has_equals_sign(const std::string& text);

// Adds each to `out`, the last of a key counts. Values as usher.toml would have them: true and
// false, whole numbers, else a string.
void add_key_values(const std::vector<std::string>& arguments, adapter::Config& out);

}  // namespace usher::ctl
