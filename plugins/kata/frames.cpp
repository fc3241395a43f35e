#include "kata/frames.hpp"

#include <algorithm>
#include <cstdint>

namespace usher::kata {
namespace {

std::size_t length_of(std::string_view header) {
  std::size_t length = 0;
  for (const char c : header.substr(0, kFrameHeader)) {
    length = length << 8U | static_cast<std::uint8_t>(c);
  }
  return length;
}

}  // namespace

std::string frame(std::string_view message) {
  std::string out;
  out.reserve(kFrameHeader + message.size());
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    out += static_cast<char>(message.size() >> (shift - 8U) & 0xffU);
  }
  out += message;
  return out;
}

Result<> FrameReader::feed(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    // First the header, then what it announces.
    std::size_t wanted = kFrameHeader;
    if (kept_.size() >= kFrameHeader) {
      wanted += length_of(kept_);
    }
    const auto part = bytes.substr(0, wanted - kept_.size());
    kept_ += part;
    bytes.remove_prefix(part.size());
    if (kept_.size() < kFrameHeader) {
      return {};
    }
    const auto length = length_of(kept_);
    if (length == 0 || length > kMaxFrame) {
      return fail("a frame of " + std::to_string(length) + " bytes; 1 to " +
                      std::to_string(kMaxFrame) + " are taken",
                  EPROTO);
    }
    if (kept_.size() == kFrameHeader + length) {
      std::string whole;
      whole.swap(kept_);
      if (auto taken = take(std::string_view(whole).substr(kFrameHeader)); !taken) {
        return taken;
      }
    }
  }
  return {};
}

}  // namespace usher::kata
