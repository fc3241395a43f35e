#include "cri/unsent.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace usher::cri {

void Unsent::add(std::string message) {
  bytes_ += message.size();
  messages_.push_back(std::move(message));
}

Result<> Unsent::flush(int fd, std::function<void()> room) {
  while (!messages_.empty()) {
    const std::string_view left = std::string_view(messages_.front()).substr(sent_);
    const ssize_t n = ::send(fd, left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && errno != EAGAIN) {
      return fail_system("the connection failed");
    }
    if (n < 0) {
      if (!writable_) {
        auto watching =
            loop_.watch(fd, USHER_WRITABLE, [room = std::move(room)](std::uint32_t) { room(); });
        if (!watching) {
          return std::unexpected(std::move(watching.error()));
        }
        writable_ = std::move(*watching);
      }
      return {};
    }
    sent_ += static_cast<std::size_t>(n);
    bytes_ -= static_cast<std::size_t>(n);
    if (sent_ == messages_.front().size()) {
      messages_.pop_front();
      sent_ = 0;
    }
  }
  writable_.cancel();
  return {};
}

void Unsent::clear() {
  writable_.cancel();
  messages_.clear();
  sent_ = 0;
  bytes_ = 0;
}

}  // namespace usher::cri
