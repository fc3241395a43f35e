// ttrpc: frames of a 10-byte header (length, stream, type, flags; big-endian) and data, as far as
// unary calls need it. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace usher::nri {

inline constexpr std::size_t kTtrpcHeader = 10;
// Of one message's data. Senders of today stop at 4 MiB; older ones do not look.
inline constexpr std::size_t kMaxMessage = 16U << 20;

inline constexpr std::uint8_t kRequest = 1;
inline constexpr std::uint8_t kResponse = 2;

// gRPC's status codes, which ttrpc uses.
enum class Code : std::int32_t {
  ok = 0,
  invalid_argument = 3,
  deadline_exceeded = 4,
  failed_precondition = 9,
  unimplemented = 12,
  unavailable = 14,
};

struct Frame {
  std::uint32_t stream = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::string data;
};

// Header and data. `data` is at most kMaxMessage.
std::string ttrpc_message(const Frame& frame);

class TtrpcReader {
 public:
  // Takes the bytes of one connection in any pieces and appends the frames that are whole. Memory
  // grows with what has come, not with what was announced. Error: an announced length beyond
  // kMaxMessage; the connection is of no use then.
  Result<> feed(std::string_view bytes, std::vector<Frame>& out);
  bool between_frames() const { return buffer_.empty(); }

 private:
  std::string buffer_;
};

struct Request {
  std::string service;
  std::string method;
  std::string payload;
  std::chrono::nanoseconds timeout{0};  // 0: none
};

struct Status {
  Code code = Code::ok;
  std::string message;
};

Result<Request> read_request(std::string_view data);
std::string write_request(const Request& request);

// The payload, or the status as an error, which carries EPROTO.
Result<std::string> read_response(std::string_view data);
// The data of an answer; empty for an empty payload.
std::string write_response(std::string_view payload);
std::string write_status(const Status& status);

}  // namespace usher::nri
