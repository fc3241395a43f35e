#include "cri/channel.hpp"

#include <sys/socket.h>

#include <array>

#include "base/escape.hpp"
#include "cri/channel_call.hpp"
#include "cri/root_socket.hpp"

namespace usher::cri {
namespace {

constexpr std::size_t kReadSize = 64U << 10;
constexpr int kReadsInARow = 32;

}  // namespace

Channel::Channel(Loop loop, std::string socket, std::function<void(const Error&)> lost,
                 std::size_t max_message)
    : loop_(loop), socket_(std::move(socket)), lost_(std::move(lost)), max_message_(max_message) {}

Channel::~Channel() = default;

std::shared_ptr<Channel> Channel::create(Loop loop, std::string socket,
                                         std::function<void(const Error&)> lost,
                                         std::size_t max_message) {
  return std::shared_ptr<Channel>(
      new Channel(loop, std::move(socket), std::move(lost), max_message));
}

Task<Result<std::string>> Channel::call(std::string path, std::string request,
                                        std::chrono::milliseconds deadline) {
  const auto self = shared_from_this();
  Call call;
  call.path = std::move(path);
  call.request = frame_message(request);
  auto started = connect();
  started = started ? submit(call, deadline) : started;
  if (!started) {
    co_return std::unexpected(started.error());
  }
  flush();
  co_await call;
  co_return std::move(call.result);
}

Result<> Channel::connect() {
  if (closed_) {
    return fail("the adapter is stopping", ECANCELED);
  }
  if (session_ != nullptr) {
    return {};
  }
  auto fd = connect_to_root(socket_, "the CRI socket");
  if (!fd) {
    return std::unexpected(std::move(fd.error()));
  }
  fd_ = std::move(*fd);
  auto opened = open_session();
  if (!opened) {
    session_.reset();
    readable_.cancel();
    fd_.reset();
    return fail_in("cannot connect to the CRI socket " + escape(socket_), opened.error());
  }
  return {};
}

void Channel::receive() {
  const auto self = shared_from_this();
  std::array<char, kReadSize> buffer;  // NOLINT: filled by recv
  for (int i = 0; i < kReadsInARow && session_ != nullptr; ++i) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      break;
    }
    if (n <= 0) {
      drop(n == 0 ? Error{"the runtime closed the CRI connection", ECONNRESET}
                  : system_error("the CRI connection failed"));
      break;
    }
    const std::string_view got(buffer.data(), static_cast<std::size_t>(n));
    const ssize_t taken = nghttp2_session_mem_recv(session_.get(), bytes_of(got), got.size());
    if (taken < 0) {
      drop(protocol("what answers on " + escape(socket_) + " is no gRPC server",
                    static_cast<int>(taken)));
    }
  }
  flush();
  settle();
}

void Channel::flush() {
  while (session_ != nullptr) {
    if (unsent_.empty()) {
      const std::uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_.get(), &data);
      if (n < 0) {
        return drop(protocol("cannot speak to the runtime", static_cast<int>(n)));
      }
      if (n == 0) {
        if (nghttp2_session_want_read(session_.get()) == 0) {
          return drop({"the runtime ended the CRI connection", ECONNRESET});
        }
        return writable_.cancel();
      }
      unsent_.assign(view(data, static_cast<std::size_t>(n)));
    }
    const ssize_t n =
        ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
      if (!writable_) {
        auto watching =
            loop_.watch(fd_.get(), USHER_WRITABLE, [self = weak_from_this()](std::uint32_t) {
              if (const auto channel = self.lock()) {
                channel->flush();
              }
            });
        if (!watching) {
          return drop(watching.error());
        }
        writable_ = std::move(*watching);
      }
      return;
    }
    if (n < 0 && errno != EINTR) {
      return drop(system_error("the CRI connection failed"));
    }
    unsent_.erase(0, n < 0 ? 0 : static_cast<std::size_t>(n));
  }
}

void Channel::drop(const Error& why) {
  readable_.cancel();
  writable_.cancel();
  // Calls end first: destroying the session must not report them again.
  while (!calls_.empty()) {
    finish(*calls_.begin()->second, fail(why.message, why.code));
  }
  session_.reset();
  fd_.reset();
  unsent_.clear();
  if (!closed_) {
    loss_ = std::make_unique<Error>(why);
    settle_soon();
  }
}

void Channel::finish(Call& call, Result<std::string> result) {
  calls_.erase(call.stream);
  call.timer.cancel();
  call.result = std::move(result);
  call.done = true;
  if (call.waiter) {
    ready_.push_back(call.waiter);
    settle_soon();
  }
}

void Channel::expire(Call& call, std::chrono::milliseconds deadline) {
  const auto stream = call.stream;
  finish(call, fail("the runtime did not answer " + call.path + " within " +
                        std::to_string(deadline.count()) + " ms",
                    ETIMEDOUT));
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  flush();
}

// Coroutines go on from the loop, never from within nghttp2 or another call.
void Channel::settle_soon() {
  if (settling_) {
    return;
  }
  auto soon = loop_.timer(std::chrono::milliseconds(0), [self = weak_from_this()](std::uint32_t) {
    if (const auto channel = self.lock()) {
      channel->settle();
    }
  });
  if (soon) {
    settling_ = std::move(*soon);
  }
}

void Channel::settle() {
  const auto self = shared_from_this();
  settling_.cancel();
  if (const auto loss = std::move(loss_); loss != nullptr && lost_) {
    lost_(*loss);
  }
  for (const auto waiter : std::exchange(ready_, {})) {
    waiter.resume();
  }
}

void Channel::close() {
  if (!closed_) {
    closed_ = true;
    drop({"the adapter is stopping", ECANCELED});
  }
}

}  // namespace usher::cri
