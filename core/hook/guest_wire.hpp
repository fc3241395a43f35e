// FromGuest.Claim and FromHost.Verdict of proto/usher/guest/v1/relay.proto, by hand: no protobuf
// library is in this binary. tests/unit/hook/guest_wire_test.cpp holds this to protobuf's encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::hook {

inline constexpr std::size_t kFrameHeader = 4;
inline constexpr std::size_t kMaxFrame = 65'536;  // without its header

struct Claim {
  std::uint64_t ticket = 0;
  std::string container_id;
  std::string nonce;
};

// Verdict.Word. Any other number is no permission.
inline constexpr std::uint64_t kWordGo = 1;
inline constexpr std::uint64_t kWordRefuse = 2;

struct Verdict {
  std::uint64_t ticket = 0;
  std::string container_id;
  std::string nonce;
  std::uint64_t word = 0;
  std::string message;  // bytes as the host sent them: escape before showing
};

// A whole frame.
std::string encode_claim(const Claim& claim, std::string_view version);

// The length that a frame's first four bytes give; an error where it is none that a relay sends.
Result<std::size_t> frame_length(std::string_view header);

// What is in a frame behind its header. Stricter than protobuf: one verdict, and no field of it
// twice. Unknown fields are skipped.
Result<Verdict> decode_verdict(std::string_view message);

bool answers(const Verdict& verdict, const Claim& claim);

}  // namespace usher::hook
