#include "guest/stream.hpp"

#include <asio/error.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

namespace usher::guest {

class Stream::Watchdog {
 public:
  Watchdog(Stream& stream, Milliseconds deadline) : timer_(stream.loop_) {
    if (deadline.count() == 0) {
      return;
    }
    timer_.expires_after(deadline);
    timer_.async_wait([held = stream.shared_from_this()](std::error_code stopped) {
      if (!stopped) {
        held->late_ = true;
        held->close();
      }
    });
  }

 private:
  asio::steady_timer timer_;  // its end is the end of the wait
};

std::unexpected<Error> Stream::broken(std::string_view tried, std::error_code why) const {
  if (late_) {
    return fail(std::string(tried) + ": no answer in time", ETIMEDOUT);
  }
  if (why == asio::error::eof) {
    return fail(std::string(tried) + ": the relay ended the connection", ECONNRESET);
  }
  return fail(std::string(tried) + ": " + why.message(), why.value());
}

asio::awaitable<Result<>> Stream::connect(const RelayAddress& relay, Milliseconds deadline) {
  const Watchdog watchdog(*this, deadline);
  std::error_code problem;
  co_await socket_.async_connect(relay.endpoint,
                                 asio::redirect_error(asio::use_awaitable, problem));
  if (problem) {
    co_return broken("cannot reach the relay at " + relay.text, problem);
  }
  co_return Result<>{};
}

asio::awaitable<Result<v1::FromHost>> Stream::read(Milliseconds deadline) {
  FrameHeader header{};
  std::error_code problem;
  {
    const Watchdog watchdog(*this, deadline);
    co_await asio::async_read(socket_, asio::buffer(header, 1),
                              asio::redirect_error(asio::use_awaitable, problem));
  }
  if (problem) {
    co_return broken("nothing comes from the relay", problem);
  }
  const Watchdog watchdog(*this, kWhole);
  co_await asio::async_read(socket_, asio::buffer(header.data() + 1, header.size() - 1),
                            asio::redirect_error(asio::use_awaitable, problem));
  if (problem) {
    co_return broken("a frame from the relay ends early", problem);
  }
  const auto length = frame_length(header);
  if (!length) {
    co_return std::unexpected(length.error());
  }
  std::string body(*length, '\0');
  co_await asio::async_read(socket_, asio::buffer(body),
                            asio::redirect_error(asio::use_awaitable, problem));
  if (problem) {
    co_return broken("a frame from the relay ends early", problem);
  }
  co_return from_frame(body);
}

asio::awaitable<Result<>> Stream::write(std::string frame, Milliseconds deadline) {
  const Watchdog watchdog(*this, deadline);
  std::error_code problem;
  co_await asio::async_write(socket_, asio::buffer(frame),
                             asio::redirect_error(asio::use_awaitable, problem));
  if (problem) {
    co_return broken("the relay takes nothing", problem);
  }
  co_return Result<>{};
}

void Stream::close() {
  closed_ = true;
  std::error_code ignored;
  socket_.close(ignored);
}

}  // namespace usher::guest
