// Globs as selectors and exemptions write them. Pure.
#pragma once

#include <string_view>

namespace usher {

// * any run of bytes (also none, also '/'), ? one byte; everything else itself. Takes time in
// proportion to the two lengths' product at most, however many stars there are.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace usher
