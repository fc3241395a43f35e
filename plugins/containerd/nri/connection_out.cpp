// What goes out on a connection: answers, calls, and the frames that wait for room.
#include <sys/socket.h>

#include <utility>

#include "containerd/nri/connection.hpp"

namespace usher::nri {

void Reply::ok(std::string_view payload) {
  give(payload.empty() ? std::string() : write_response(payload));
}

void Reply::fail(Code code, const std::string& why) {
  if (!connection_.expired()) {
    give(write_status({code, why}));
  }
}

void Reply::give(const std::string& data) {
  if (const auto connection = std::exchange(connection_, {}).lock()) {
    connection->answer(stream_, data);
  }
}

void Connection::answer(std::uint32_t stream, const std::string& data) {
  if (pending_.erase(stream) != 0) {
    send(kPluginConnection, {stream, kResponse, 0, data});
  }
}

void Connection::send(std::uint32_t connection, const Frame& frame) {
  if (!is_open()) {
    return;
  }
  for (auto& part : mux_frames(connection, ttrpc_message(frame))) {
    unsent_.push_back(std::move(part));
  }
  if (unsent_.size() > kMaxQueuedFrames) {
    return drop({"the runtime does not read what we answer", ENOBUFS});
  }
  flush();
}

void Connection::flush() {
  while (is_open() && !unsent_.empty()) {
    const std::string_view left = std::string_view(unsent_.front()).substr(sent_);
    const ssize_t n = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && errno != EAGAIN) {
      return drop(system_error("the NRI connection failed"));
    }
    if (n < 0) {
      if (!writable_) {
        auto watching =
            loop_.watch(fd_.get(), USHER_WRITABLE, [self = weak_from_this()](std::uint32_t) {
              if (const auto connection = self.lock()) {
                connection->flush();
              }
            });
        if (!watching) {
          return drop(std::move(watching.error()));
        }
        writable_ = std::move(*watching);
      }
      return;
    }
    sent_ += static_cast<std::size_t>(n);
    if (sent_ == unsent_.front().size()) {
      unsent_.pop_front();
      sent_ = 0;
    }
  }
  writable_.cancel();
}

}  // namespace usher::nri
