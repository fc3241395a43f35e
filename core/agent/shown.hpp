// Texts that others wrote, as they may be shown: bounded, so that nobody fills the log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/escape.hpp"

namespace usher::agent {

inline constexpr std::size_t kShownValue = 160;     // bytes of one value in a sentence
inline constexpr std::size_t kShownMessage = 1024;  // of a message that a hook is answered with
inline constexpr std::size_t kShownField = 4096;    // of a name or a message in an event

// The first bytes of a text, ended where a character of UTF-8 ends, with a mark where some are left
// out.
inline std::string cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return std::string(text);
  }
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) {
    --limit;
  }
  return std::string(text.substr(0, limit)) + "… (cut)";
}

// Escaped and bounded, for a sentence.
inline std::string shown(std::string_view value) {
  return value.size() <= kShownValue ? escape(value)
                                     : escape(value.substr(0, kShownValue)) + "… (cut)";
}

}  // namespace usher::agent
