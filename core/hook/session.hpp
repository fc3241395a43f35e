// One HTTP/2 connection that carries one gRPC call. Moves bytes, does no I/O.
#pragma once

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "hook/client.hpp"

namespace usher::hook {

class Session {
 public:
  // `message` is borrowed until the session ends. `timeout` goes along as grpc-timeout, so that the
  // agent does not work for a hook that has given up.
  Session(std::string_view message, std::chrono::milliseconds timeout);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() = default;

  // Appends what is to be sent now to `out`. False: see error().
  bool collect(std::string& out);
  // False: the peer broke the protocol, see error().
  bool receive(std::string_view bytes);

  bool request_sent() const { return sent_ == message_.size(); }
  bool wants_to_speak() const { return nghttp2_session_want_write(session_.get()) != 0; }
  // False once the peer broke the protocol in a way that is answered by hanging up.
  bool wants_to_hear() const { return nghttp2_session_want_read(session_.get()) != 0; }
  bool ended() const { return closed_; }
  const std::string& error() const { return error_; }

  // Once ended().
  Outcome outcome() const;

 private:
  struct Delete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  static Session& self(void* user) { return *static_cast<Session*>(user); }
  static ssize_t on_read(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                         std::uint32_t* flags, nghttp2_data_source*, void* user);
  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t, void* user);
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data,
                     std::size_t length, void* user);
  static int on_close(nghttp2_session*, std::int32_t, std::uint32_t error_code, void* user);

  bool ok(ssize_t code);

  std::string_view message_;
  std::size_t sent_ = 0;
  std::unique_ptr<nghttp2_session, Delete> session_;
  std::string http_status_;
  std::string grpc_status_;
  std::string grpc_message_;
  std::string body_;
  bool too_long_ = false;
  bool closed_ = false;
  std::uint32_t close_code_ = 0;
  std::string error_;
};

}  // namespace usher::hook
