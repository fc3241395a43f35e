// "did you mean": the known name that a mistyped one is closest to.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace usher::policy {

// The nearest of `known`, empty when none is near.
std::string_view nearest(std::string_view given, std::span<const std::string_view> known);

// "; did you mean X?" or "; expected one of X, Y, Z".
std::string hint(std::string_view given, std::span<const std::string_view> known);

}  // namespace usher::policy
