#include "containerd/nri/socket_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

namespace usher::nri {

namespace fs = std::filesystem;

SocketWatch::SocketWatch(cri::Loop loop, std::string socket, std::function<void()> made)
    : loop_(loop),
      directory_(std::filesystem::path(socket).parent_path()),
      name_(std::filesystem::path(socket).filename()),
      made_(std::move(made)) {}

bool SocketWatch::watch(const Fd& inotify) {
  // What is made while we look is looked for again; a tree that changes all the time is given up.
  for (int tries = 0; tries < 8; ++tries) {
    fs::path at = directory_;
    awaited_ = name_;
    int watch = -1;
    while ((watch = ::inotify_add_watch(
                inotify.get(), at.c_str(),
                IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)) < 0) {
      if (!at.has_filename() || at.parent_path() == at) {
        return false;
      }
      awaited_ = at.filename();
      at = at.parent_path();
    }
    at_socket_ = at == directory_;
    std::error_code ignored;
    if (at_socket_ || !fs::exists(at / awaited_, ignored)) {
      return true;
    }
    ::inotify_rm_watch(inotify.get(), watch);
  }
  return false;
}

void SocketWatch::look() {
  if (inotify_) {
    return;
  }
  Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify || !watch(inotify)) {
    return;
  }
  auto watching = loop_.watch(inotify.get(), USHER_READABLE, [this](std::uint32_t) { read(); });
  if (watching) {
    readable_ = std::move(*watching);
    inotify_ = std::move(inotify);
  }
}

void SocketWatch::stop() {
  readable_.cancel();
  inotify_.reset();
}

void SocketWatch::read() {
  bool made = false;
  bool ended = false;
  const bool of_socket = at_socket_;
  alignas(inotify_event) std::array<char, 8192> buffer;  // NOLINT: filled by read
  for (ssize_t n = 0; (n = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (ssize_t at = 0; at < n;) {
      inotify_event event;  // NOLINT: copied
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      made = made || (event.mask & IN_Q_OVERFLOW) != 0 ||
             ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0 && event.len > 0 && awaited_ == name);
      ended = ended || (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  const bool moved = ended || (made && !of_socket);
  if (moved) {
    stop();
    look();  // one step nearer, or another directory is in its place
  }
  std::error_code ignored;
  if ((made && of_socket) || (moved && fs::exists(fs::path(directory_) / name_, ignored))) {
    made_();
  }
}

}  // namespace usher::nri
