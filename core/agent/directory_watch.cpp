#include "agent/directory_watch.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace usher::agent {

namespace {

constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                   IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::chrono::seconds kLookAgain{2};

}  // namespace

DirectoryWatch::DirectoryWatch(asio::io_context& loop, std::filesystem::path directory,
                               std::chrono::milliseconds settle, std::function<void()> changed)
    : directory_(std::move(directory)),
      settle_(settle),
      changed_(std::move(changed)),
      inotify_(loop),
      timer_(loop) {}

Result<> DirectoryWatch::start() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    return fail_system(fmt::format("cannot watch {}", directory_.string()), errno,
                       "fs.inotify.max_user_instances may be too small");
  }
  inotify_.assign(fd);
  if (!watch()) {
    changed_soon(kLookAgain);
  }
  wait();
  return {};
}

void DirectoryWatch::stop() {
  std::error_code ignored;
  inotify_.close(ignored);
  timer_.cancel();
}

bool DirectoryWatch::watch() {
  descriptor_ = ::inotify_add_watch(inotify_.native_handle(), directory_.c_str(), kChanges);
  return descriptor_ >= 0;
}

void DirectoryWatch::wait() {
  inotify_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code stopped) {
    if (!stopped) {
      drain();
      wait();
    }
  });
}

void DirectoryWatch::drain() {
  alignas(inotify_event) std::array<char, 16384> buffer{};
  for (;;) {
    const auto got = ::read(inotify_.native_handle(), buffer.data(), buffer.size());
    if (got <= 0) {
      return;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += sizeof event + event.len;
      if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0 &&
          event.wd == descriptor_) {
        if ((event.mask & IN_IGNORED) == 0) {
          ::inotify_rm_watch(inotify_.native_handle(), descriptor_);
        }
        descriptor_ = -1;
      }
      changed_soon(settle_);
    }
  }
}

void DirectoryWatch::changed_soon(std::chrono::milliseconds delay) {
  if (pending_) {
    return;
  }
  pending_ = true;
  timer_.expires_after(delay);
  timer_.async_wait([this](std::error_code stopped) {
    if (!stopped) {
      fired();
    }
  });
}

void DirectoryWatch::fired() {
  pending_ = false;
  const bool was_missing = descriptor_ < 0;
  if (was_missing && !watch()) {
    changed_soon(kLookAgain);
  }
  changed_();
}

}  // namespace usher::agent
