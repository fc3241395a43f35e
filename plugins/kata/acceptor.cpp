#include "kata/acceptor.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

namespace usher::kata {
namespace {

constexpr int kAcceptsInARow = 32;  // then others have their turn
constexpr std::chrono::milliseconds kPause{100};

}  // namespace

Result<> Acceptor::start() {
  auto watching = loop_.watch(listener_, USHER_READABLE, [this](std::uint32_t) { accept(); });
  if (!watching) {
    return std::unexpected(std::move(watching.error()));
  }
  readable_ = std::move(*watching);
  return {};
}

void Acceptor::accept() {
  const std::weak_ptr<bool> alive = alive_;
  const auto handlers = handlers_;  // outlive what they may end
  for (int i = 0; i < kAcceptsInARow; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Fd peer(::accept4(listener_, reinterpret_cast<sockaddr*>(&from), &size,
                      SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (peer) {
      told_ = false;
      handlers.connected(from, std::move(peer));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return pause(errno);
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
    if (alive.expired()) {
      return;
    }
  }
}

// The connection stays in the queue, and would call us again at once.
void Acceptor::pause(int code) {
  auto timer = loop_.timer(kPause, [this](std::uint32_t) {
    again_.cancel();
    if (auto started = start(); !started) {
      const auto handlers = handlers_;
      handlers.problem("guests are not heard any more: " + started.error().message);
    }
  });
  if (timer) {
    readable_.cancel();
    again_ = std::move(*timer);
  }
  if (!std::exchange(told_, true)) {
    const auto handlers = handlers_;
    handlers.problem(
        system_error("guests' connections wait", code, "raise LimitNOFILE of usherd").message);
  }
}

}  // namespace usher::kata
