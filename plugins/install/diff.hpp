// A unified diff of two small texts, for people.
#pragma once

#include <string>
#include <string_view>

namespace usher::install {

// Empty where both are equal. Three lines around each change; texts above 1,000 lines are not
// compared line by line. What looks like a secret is named and not shown.
std::string unified_diff(std::string_view before, std::string_view after, std::string_view name);

}  // namespace usher::install
