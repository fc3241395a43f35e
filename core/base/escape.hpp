// Bytes that came from a container, made safe to show: paths and labels can hold anything.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher {

// Printable ASCII and valid UTF-8 as they are; every other byte, and the backslash, as \xNN.
std::string escape(std::string_view bytes);

// The reverse: \xNN and \\ ; anything else after a backslash is an error.
Result<std::string> unescape(std::string_view text);

}  // namespace usher
