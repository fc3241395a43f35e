// Frames of proto/usher/guest/v1/relay.proto: four bytes of length, big endian, then a message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "usher/guest/v1/relay.pb.h"

namespace usher::guest {

inline constexpr std::size_t kFrameLimit = 65'536;
using FrameHeader = std::array<unsigned char, 4>;

// The whole frame. An error where the message is larger than a frame may be.
Result<std::string> to_frame(const v1::FromGuest& message);

// How long the message is that follows. Errors: none, or more than kFrameLimit.
Result<std::size_t> frame_length(const FrameHeader& header);

// Errors: not the message, or a word that this reader does not know.
Result<v1::FromHost> from_frame(std::string_view body);

}  // namespace usher::guest
