// Frames of usher/guest/v1/relay.proto: a length in four bytes, big endian, then that many bytes.
// Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::kata {

inline constexpr std::size_t kMaxFrame = 65'536;
inline constexpr std::size_t kFrameHeader = 4;

// `message`, 1 to kMaxFrame bytes, as a frame.
std::string frame(std::string_view message);

class FrameReader {
 public:
  // One frame's content; borrowed for the call.
  using Take = std::function<Result<>(std::string_view message)>;

  // Takes what was read, in any pieces. Nothing is kept but what one frame has so far: no memory is
  // taken for a length that was only announced. Errors: a length of 0 or above kMaxFrame (EPROTO),
  // or `take`'s own; nothing more is to be fed then.
  Result<> feed(std::string_view bytes, const Take& take);
  // Nothing has begun that has not ended.
  bool between_frames() const { return kept_.empty(); }

 private:
  std::string kept_;  // of the frame that is not whole yet, with its header
};

}  // namespace usher::kata
