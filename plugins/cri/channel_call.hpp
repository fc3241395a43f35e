// What the parts of the channel share; nobody else includes it.
#pragma once

#include "cri/channel.hpp"
#include "cri/grpc.hpp"

namespace usher::cri {

inline std::uint8_t* bytes_of(std::string_view text) {
  // nghttp2's interface is not const; it copies names and values.
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

inline std::string_view view(const std::uint8_t* data, std::size_t length) {
  return {reinterpret_cast<const char*>(data), length};
}

inline Error protocol(const std::string& what, int code) {
  return {what + ": " + nghttp2_strerror(code), EPROTO};
}

// One call, in the frame of the coroutine that waits for it.
struct Channel::Call {
  std::string path;
  std::string request;  // framed
  std::size_t sent = 0;
  Answer answer;
  std::int32_t stream = 0;
  bool done = false;
  Result<std::string> result;
  Registration timer;
  std::coroutine_handle<> waiter;

  bool await_ready() const { return done; }
  void await_suspend(std::coroutine_handle<> who) { waiter = who; }
  void await_resume() {}
};

}  // namespace usher::cri
