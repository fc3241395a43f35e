// NRI's multiplexer: two connections over one socket, in frames of an 8-byte header (connection,
// length; big-endian) and a payload. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace usher::nri {

inline constexpr std::uint32_t kPluginConnection = 1;   // the runtime asks, we answer
inline constexpr std::uint32_t kRuntimeConnection = 2;  // we ask
inline constexpr std::size_t kMuxHeader = 8;
// A frame as we send it, header and all. The peer reads a message into 4096 bytes at first, and
// fails when its first frame does not fit.
inline constexpr std::size_t kMaxFrame = 4096;
// What the peer lets wait before it gives the connection up.
inline constexpr std::size_t kMaxQueuedFrames = 256;
// Of a frame's payload that we take.
inline constexpr std::size_t kMaxInbound = (16U << 20) + 64;

// `message` in frames of its own; none where it is empty.
std::vector<std::string> mux_frames(std::uint32_t connection, std::string_view message);

class MuxReader {
 public:
  // A part of what belongs to one connection; borrowed for the call.
  using Part = std::function<Result<>(std::uint32_t connection, std::string_view bytes)>;

  // Takes what was read, in any pieces; each connection's bytes are handed on in order, as soon as
  // they are there. Nothing is kept but a header's beginning. Errors: a length that cannot be, or
  // `part`'s own; the socket is of no use then.
  Result<> feed(std::string_view bytes, const Part& part);
  // Nothing has begun that has not ended.
  bool between_frames() const { return have_ == 0 && left_ == 0; }

 private:
  std::array<char, kMuxHeader> header_{};
  std::size_t have_ = 0;  // of the header
  std::uint32_t connection_ = 0;
  std::size_t left_ = 0;  // of the payload
};

}  // namespace usher::nri
