// What goes out on a connection: answers, calls, and the frames that wait for room.
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
    unsent_.add(std::move(part));
  }
  if (unsent_.messages() > kMaxQueuedFrames) {
    return drop({"the runtime does not read what we answer", ENOBUFS});
  }
  flush();
}

void Connection::flush() {
  if (!is_open()) {
    return;
  }
  const auto flushed = unsent_.flush(fd_.get(), [self = weak_from_this()] {
    if (const auto connection = self.lock()) {
      connection->flush();
    }
  });
  if (!flushed) {
    drop({"NRI: " + flushed.error().message, flushed.error().code});
  }
}

}  // namespace usher::nri
