// gRPC's framing over HTTP/2, as far as unary calls need it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::cri {

// The five-byte prefix and the message.
std::string frame_message(std::string_view message);

// What came back on one stream.
class Answer {
 public:
  void header(std::string_view name, std::string_view value);
  void data(std::string_view part, std::size_t max_message);
  // The message, or why there is none. `http2_error`: the code that closed the stream.
  Result<std::string> result(std::uint32_t http2_error);

 private:
  std::string http_status_;
  std::string grpc_status_;
  std::string grpc_message_;
  std::string body_;
  bool too_long_ = false;
  std::size_t max_message_ = 0;
};

}  // namespace usher::cri
