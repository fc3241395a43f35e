// Which of containerd's runtimes are Kata, told alike by the adapter and the installer: their
// containers are a virtual machine's, whose processes this node's kernel does not see.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/glob.hpp"

namespace usher::containerd {

inline bool names_kata(std::string_view text) {
  constexpr std::string_view kKata = "kata";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  return !std::ranges::search(text, kKata, same).empty();
}

// `type`: its runtime_type, which says what it is; a name is only a name, and counts where the type
// is not known (empty).
inline bool is_kata(std::string_view name, std::string_view type) {
  return names_kata(type.empty() ? name : type);
}

// Is it one of the setting kata_handlers, by which a person says so?
inline bool is_among(const std::vector<std::string>& globs, std::string_view name) {
  return std::ranges::any_of(globs, [&](const auto& glob) { return glob_matches(glob, name); });
}

}  // namespace usher::containerd
