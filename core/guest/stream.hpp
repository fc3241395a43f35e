// One connection to the relay. Every wait has an end: a deadline that passes closes the stream.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "guest/frames.hpp"
#include "guest/relay_address.hpp"

namespace usher::guest {

// Owned by shared_ptr, which the callers of its coroutines hold until they end.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  using Milliseconds = std::chrono::milliseconds;

  explicit Stream(asio::io_context& loop) : loop_(loop), socket_(loop) {}

  asio::awaitable<Result<>> connect(const RelayAddress& relay, Milliseconds deadline);
  // Deadline 0: the frame may begin whenever it likes; once begun it has kWhole to be complete.
  asio::awaitable<Result<v1::FromHost>> read(Milliseconds deadline);
  asio::awaitable<Result<>> write(std::string frame, Milliseconds deadline);
  void close();
  bool closed() const { return closed_; }

 private:
  static constexpr Milliseconds kWhole{5000};
  class Watchdog;
  std::unexpected<Error> broken(std::string_view tried, std::error_code why) const;

  asio::io_context& loop_;
  asio::generic::stream_protocol::socket socket_;
  bool closed_ = false;
  bool late_ = false;
};

}  // namespace usher::guest
