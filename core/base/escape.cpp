#include "base/escape.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace usher {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// Length of the UTF-8 sequence at the front of `s` if it is well formed and printable, else 0.
std::size_t sequence_length(std::string_view s) {
  const auto lead = static_cast<unsigned char>(s[0]);
  if (lead < 0x80) {
    return lead >= 0x20 && lead != 0x7f && lead != '\\' ? 1 : 0;
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || s.size() < length) {
    return 0;
  }
  std::uint32_t point = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(s[i]);
    if ((next & 0xc0U) != 0x80) {
      return 0;
    }
    point = point << 6 | (next & 0x3fU);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  const bool control = point < 0xa0;
  // Direction marks can turn a line of a log around.
  const bool bidi = (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
                    (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
  return overlong || surrogate || control || bidi || point > 0x10ffff ? 0 : length;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= 'A' && c <= 'F') {
    c = static_cast<char>(c - 'A' + 'a');
  }
  const auto at = kHex.find(c);
  return at == std::string_view::npos ? std::nullopt : std::optional<unsigned>(at);
}

}  // namespace

std::string escape(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    if (const std::size_t length = sequence_length(bytes); length != 0) {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
      continue;
    }
    const auto byte = static_cast<unsigned char>(bytes[0]);
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 0xfU];
    bytes.remove_prefix(1);
  }
  return out;
}

Result<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '\\') {
      out += '\\';
      ++i;
      continue;
    }
    const auto high =
        i + 3 < text.size() && text[i + 1] == 'x' ? hex_digit(text[i + 2]) : std::nullopt;
    const auto low = high ? hex_digit(text[i + 3]) : std::nullopt;
    if (!low) {
      return fail("a backslash must begin \\xNN or \\\\");
    }
    out += static_cast<char>(*high << 4 | *low);
    i += 3;
  }
  return out;
}

}  // namespace usher
