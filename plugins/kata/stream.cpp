#include "kata/stream.hpp"

#include <sys/socket.h>

#include <array>
#include <utility>

namespace usher::kata {
namespace {

constexpr std::size_t kReadSize = 16U << 10;
constexpr int kReadsInARow = 16;  // then others have their turn

}  // namespace

Result<std::shared_ptr<Stream>> Stream::open(cri::Loop loop, Fd fd, Handlers handlers) {
  const std::shared_ptr<Stream> made(new Stream(loop, std::move(fd), std::move(handlers)));
  if (auto watching = made->watch(); !watching) {
    return std::unexpected(std::move(watching.error()));
  }
  return made;
}

Result<> Stream::watch() {
  auto watching = loop_.watch(fd_.get(), USHER_READABLE, [self = weak_from_this()](std::uint32_t) {
    if (const auto stream = self.lock()) {
      stream->receive();
    }
  });
  if (!watching) {
    return std::unexpected(std::move(watching.error()));
  }
  readable_ = std::move(*watching);
  return {};
}

void Stream::receive() {
  std::array<char, kReadSize> buffer;  // NOLINT: filled by recv
  for (int i = 0; i < kReadsInARow && is_open() && readable_; ++i) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && errno == EAGAIN) {
      return;
    }
    if (n <= 0) {
      const bool cut = n == 0 && !reader_.between_frames();
      return drop(n < 0 ? system_error("the connection failed")
                  : cut ? Error{"the guest closed the connection within a frame", EPROTO}
                        : Error{"the guest closed the connection", ECONNRESET});
    }
    auto fed = reader_.feed({buffer.data(), static_cast<std::size_t>(n)},
                            [this](std::string_view message) -> Result<> {
                              if (!is_open() || finishing_) {
                                return {};
                              }
                              return handlers_.frame(message);
                            });
    if (!fed && is_open()) {
      return drop(std::move(fed.error()));
    }
  }
}

void Stream::send(std::string_view message) {
  if (!is_open() || finishing_) {
    return;
  }
  unsent_.add(kata::frame(message));
  if (unsent_.bytes() > kMaxUnsent) {
    return drop({"the guest does not read what it is told", ENOBUFS});
  }
  flush();
}

void Stream::flush() {
  if (!is_open()) {
    return;
  }
  auto flushed = unsent_.flush(fd_.get(), [self = weak_from_this()] {
    if (const auto stream = self.lock()) {
      stream->flush();
    }
  });
  if (!flushed) {
    drop(std::move(flushed.error()));
  } else if (finishing_ && unsent_.messages() == 0) {
    drop({"everything was said", 0});
  }
}

void Stream::pause(std::chrono::milliseconds length) {
  if (!is_open() || paused_) {
    return;
  }
  auto timer = loop_.timer(length, [self = weak_from_this()](std::uint32_t) {
    if (const auto stream = self.lock(); stream != nullptr && stream->is_open()) {
      stream->paused_.cancel();
      if (auto watching = stream->watch(); !watching) {
        stream->drop(std::move(watching.error()));
      }
    }
  });
  if (timer) {
    readable_.cancel();
    paused_ = std::move(*timer);
  }
}

void Stream::finish(std::chrono::milliseconds patience) {
  if (!is_open() || finishing_) {
    return;
  }
  finishing_ = true;
  auto timer = loop_.timer(patience, [self = weak_from_this()](std::uint32_t) {
    if (const auto stream = self.lock(); stream != nullptr && stream->is_open()) {
      stream->drop({"the guest does not read its answer", ETIMEDOUT});
    }
  });
  if (timer) {
    patience_ = std::move(*timer);
  }
  flush();
}

// Told from the loop: whoever sends is in the middle of something.
void Stream::drop(Error why) {
  readable_.cancel();
  paused_.cancel();
  patience_.cancel();
  unsent_.clear();
  fd_.reset();
  auto soon = loop_.timer(std::chrono::milliseconds(0),
                          [self = weak_from_this(), why = std::move(why)](std::uint32_t) {
                            if (const auto stream = self.lock(); stream != nullptr) {
                              stream->telling_.cancel();
                              if (const auto ended = std::exchange(stream->handlers_.ended, {})) {
                                ended(why);
                              }
                            }
                          });
  if (soon) {
    telling_ = std::move(*soon);
  }
}

void Stream::close() {
  handlers_.ended = {};
  telling_.cancel();
  if (is_open()) {
    drop({"closed", ECANCELED});
    telling_.cancel();
  }
}

}  // namespace usher::kata
