#include "hook/session.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "hook/wire.hpp"

namespace usher::hook {
namespace {

using Kind = Outcome::Kind;

// Status codes of gRPC that are no verdict on the container.
constexpr std::string_view kOk = "0";
constexpr std::string_view kCancelled = "1";  // an agent that stops cancels its calls
constexpr std::string_view kDeadlineExceeded = "4";
constexpr std::string_view kUnavailable = "14";

std::uint8_t* bytes_of(std::string_view text) {
  // nghttp2's interface is not const; it copies names and values.
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  return {bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string_view view(const std::uint8_t* data, std::size_t length) {
  return {reinterpret_cast<const char*>(data), length};
}

}  // namespace

Session::Session(std::string_view message, std::chrono::milliseconds timeout) : message_(message) {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (!ok(nghttp2_session_callbacks_new(&callbacks))) {
    return;
  }
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_session* session = nullptr;
  const bool made = ok(nghttp2_session_client_new(&session, callbacks, this));
  nghttp2_session_callbacks_del(callbacks);
  if (!made) {
    return;
  }
  session_.reset(session);

  const nghttp2_settings_entry no_push{NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  const std::string grpc_timeout = std::to_string(timeout.count()) + "m";
  const std::array headers = {
      header(":method", "POST"),
      header(":scheme", "http"),
      header(":path", "/usher.v1.RuntimeHooks/Hook"),
      header(":authority", "localhost"),
      header("te", "trailers"),
      header("content-type", "application/grpc"),
      header("user-agent", "usher-hook/" USHER_VERSION),
      header("grpc-timeout", grpc_timeout),
  };
  nghttp2_data_provider body{};
  body.read_callback = on_read;
  if (ok(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &no_push, 1))) {
    ok(nghttp2_submit_request(session, nullptr, headers.data(), headers.size(), &body, nullptr));
  }
}

bool Session::ok(ssize_t code) {
  if (code < 0) {
    error_ = nghttp2_strerror(static_cast<int>(code));
  }
  return code >= 0;
}

bool Session::collect(std::string& out) {
  if (!error_.empty()) {
    return false;
  }
  for (;;) {
    const std::uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_.get(), &data);
    if (n <= 0) {
      return ok(n);
    }
    out.append(view(data, static_cast<std::size_t>(n)));
  }
}

bool Session::receive(std::string_view bytes) {
  return ok(nghttp2_session_mem_recv(session_.get(), bytes_of(bytes), bytes.size()));
}

ssize_t Session::on_read(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                         std::uint32_t* flags, nghttp2_data_source*, void* user) {
  Session& me = self(user);
  const std::size_t n = std::min(room, me.message_.size() - me.sent_);
  std::memcpy(to, me.message_.data() + me.sent_, n);
  me.sent_ += n;
  if (me.request_sent()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  return static_cast<ssize_t>(n);
}

int Session::on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t, void* user) {
  Session& me = self(user);
  const auto key = view(name, name_length);
  std::string* to = key == ":status"        ? &me.http_status_
                    : key == "grpc-status"  ? &me.grpc_status_
                    : key == "grpc-message" ? &me.grpc_message_
                                            : nullptr;
  if (to != nullptr) {
    *to = view(value, value_length);
  }
  return 0;
}

int Session::on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data,
                     std::size_t length, void* user) {
  Session& me = self(user);
  me.too_long_ = me.too_long_ || me.body_.size() + length > kMaxAnswer;
  if (!me.too_long_) {
    me.body_.append(view(data, length));
  }
  return 0;
}

int Session::on_close(nghttp2_session*, std::int32_t, std::uint32_t error_code, void* user) {
  self(user).closed_ = true;
  self(user).close_code_ = error_code;
  return 0;
}

Outcome Session::outcome() const {
  if (grpc_status_.empty()) {
    if (!http_status_.empty() && http_status_ != "200") {
      return {Kind::failed,
              "what listens there is no gRPC server (HTTP status " + http_status_ + ")"};
    }
    return {Kind::unavailable, std::string("the call was ended before an answer (") +
                                   nghttp2_http2_strerror(close_code_) + ")"};
  }
  const std::string said = percent_decode(grpc_message_);
  if (grpc_status_ == kUnavailable || grpc_status_ == kCancelled) {
    return {Kind::unavailable, "the agent is not ready (" + said + ")"};
  }
  if (grpc_status_ == kDeadlineExceeded) {
    return {Kind::late, "the agent did not finish in time"};
  }
  if (grpc_status_ != kOk) {
    return {Kind::refused, said.empty() ? "gRPC status " + grpc_status_ : said};
  }
  if (too_long_) {
    return {Kind::refused, "its answer is too long to be a verdict"};
  }
  auto answer = decode_answer(body_);
  if (!answer) {
    return {Kind::refused, std::move(answer).error().message};
  }
  if (answer->verdict == kVerdictGo) {
    return {Kind::go, {}};
  }
  if (answer->verdict == kVerdictRefuse && !answer->message.empty()) {
    return {Kind::refused, std::move(answer->message)};
  }
  return {Kind::refused,
          "it gave verdict " + std::to_string(answer->verdict) + " without a reason"};
}

}  // namespace usher::hook
