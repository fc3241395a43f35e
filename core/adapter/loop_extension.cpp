#include "adapter/loop_extension.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <utility>

namespace usher::adapter {

struct Watches::Armed {
  Armed(asio::io_context& loop, usher_callback what)
      : descriptor(loop), clock(loop), callback(what) {}

  asio::posix::stream_descriptor descriptor;
  asio::steady_timer clock;
  usher_callback callback;
  bool over = false;
};

void Watches::arm(const std::shared_ptr<Armed>& armed, std::uint32_t event) {
  const auto wait_for = event == USHER_READABLE ? asio::posix::descriptor_base::wait_read
                                                : asio::posix::descriptor_base::wait_write;
  armed->descriptor.async_wait(wait_for, [this, armed, event](const std::error_code& error) {
    if (error || armed->over) {
      return;
    }
    call_("a watch's callback", armed->callback, event);
    if (!armed->over) {
      arm(armed, event);
    }
  });
}

void Watches::watch(std::uint64_t handle, Fd fd, std::uint32_t events, usher_callback callback) {
  const auto armed = std::make_shared<Armed>(loop_, callback);
  armed->descriptor.assign(fd.release());
  armed_.emplace(handle, armed);
  for (const std::uint32_t event : {USHER_READABLE, USHER_WRITABLE}) {
    if ((events & event) != 0) {
      arm(armed, event);
    }
  }
}

void Watches::timer(std::uint64_t handle, std::uint64_t delay_ns, usher_callback callback) {
  constexpr std::uint64_t kLongest = 365ULL * 24 * 3600 * 1'000'000'000;
  const auto armed = std::make_shared<Armed>(loop_, callback);
  armed_.emplace(handle, armed);
  armed->clock.expires_after(
      std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(delay_ns, kLongest))));
  armed->clock.async_wait([this, armed, handle](const std::error_code& error) {
    if (error || armed->over) {
      return;
    }
    armed_.erase(handle);
    --open_;
    call_("a timer's callback", armed->callback, 0);
  });
}

void Watches::cancel(std::uint64_t handle) {
  const auto at = armed_.find(handle);
  if (at == armed_.end()) {
    return;
  }
  const auto armed = at->second;
  armed_.erase(at);
  --open_;
  armed->over = true;
  armed->clock.cancel();
  std::error_code ignored;
  armed->descriptor.close(ignored);
}

void Watches::clear() {
  while (!armed_.empty()) {
    cancel(armed_.begin()->first);
  }
}

Result<Fd> pollable(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    return fail_system("cannot watch fd " + std::to_string(fd));
  }
  if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
    return fail("cannot watch fd " + std::to_string(fd) + ": it is a file or a directory", EPERM);
  }
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  return copy ? Result<Fd>(std::move(copy)) : fail_system("cannot watch fd " + std::to_string(fd));
}

}  // namespace usher::adapter
