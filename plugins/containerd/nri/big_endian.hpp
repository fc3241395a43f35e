// Numbers as ttrpc and the multiplexer put them on the wire.
#pragma once

#include <cstdint>
#include <string>

namespace usher::nri {

inline std::uint32_t read_u32(const char* from) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(from[i]);
  }
  return value;
}

inline void append_u32(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    to += static_cast<char>(value >> shift & 0xff);
  }
}

}  // namespace usher::nri
