// Where the relay listens, as a person writes it: "vsock:PORT" (the host's context id, 2) or
// "unix:/PATH".
#pragma once

#include <asio/generic/stream_protocol.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::guest {

struct RelayAddress {
  std::string text;  // as it was written
  asio::generic::stream_protocol::endpoint endpoint;
};

// Errors say what was expected.
Result<RelayAddress> parse_relay_address(std::string_view text);

}  // namespace usher::guest
