#include "guest/frames.hpp"

#include <fmt/format.h>

namespace usher::guest {

Result<std::string> to_frame(const v1::FromGuest& message) {
  const auto size = message.ByteSizeLong();
  if (size == 0 || size > kFrameLimit) {
    return fail(fmt::format("a message of {} bytes fits no frame (1 to {})", size, kFrameLimit));
  }
  std::string frame;
  frame.reserve(sizeof(FrameHeader) + size);
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame += static_cast<char>(size >> shift);
  }
  if (!message.AppendToString(&frame)) {
    return fail("a message to the relay cannot be encoded");
  }
  return frame;
}

Result<std::size_t> frame_length(const FrameHeader& header) {
  std::size_t length = 0;
  for (const auto byte : header) {
    length = length << 8 | byte;
  }
  if (length == 0 || length > kFrameLimit) {
    return fail(fmt::format("the relay sent a frame of {} bytes, and 1 to {} are taken", length,
                            kFrameLimit));
  }
  return length;
}

Result<v1::FromHost> from_frame(std::string_view body) {
  v1::FromHost message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return fail("the relay sent a frame that is no message of this protocol");
  }
  if (message.word_case() == v1::FromHost::WORD_NOT_SET) {
    return fail(
        "the relay sent a message that this usherd does not know; install the usherd that came "
        "with the host's");
  }
  return message;
}

}  // namespace usher::guest
