// Path patterns as they are written in a policy.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "policy/policy.hpp"

namespace usher::policy {

// "/bin/sh" exact, "/usr/games/" directory with all in it, "*/nc" base name, "/usr/bin/python*"
// prefix within one component; \xNN and \\ are unescaped. Errors say the normal form where there
// is one. With `from` the limits of a rule's `from` hold: no prefix, and directories at most
// USHER_PROGRAM_DEPTH deep.
Result<PathPattern> parse_path_pattern(std::string_view text, bool from = false);

// As it would be written.
std::string to_string(const PathPattern& pattern);

}  // namespace usher::policy
