// The HTTP/2 session of a channel: its settings, its requests and what nghttp2 calls back.
#include <algorithm>
#include <array>
#include <cstring>

#include "cri/channel_call.hpp"

namespace usher::cri {
namespace {

constexpr std::int32_t kWindow = 4 << 20;

nghttp2_nv header(std::string_view name, std::string_view value) {
  return {bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

struct Channel::Callbacks {
  static Call* call_of(void* user, std::int32_t stream) {
    auto& calls = static_cast<Channel*>(user)->calls_;
    const auto at = calls.find(stream);
    return at == calls.end() ? nullptr : at->second;
  }

  static ssize_t on_read(nghttp2_session*, std::int32_t stream, std::uint8_t* to, std::size_t room,
                         std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Call* call = call_of(user, stream);
    if (call == nullptr) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const std::size_t n = std::min(room, call->request.size() - call->sent);
    std::memcpy(to, call->request.data() + call->sent, n);
    call->sent += n;
    if (call->sent == call->request.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(n);
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t, void* user) {
    if (Call* call = call_of(user, frame->hd.stream_id); call != nullptr) {
      call->answer.header(view(name, name_length), view(value, value_length));
    }
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                     std::size_t length, void* user) {
    if (Call* call = call_of(user, stream); call != nullptr) {
      call->answer.data(view(data, length), static_cast<Channel*>(user)->max_message_);
    }
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* user) {
    if (Call* call = call_of(user, stream); call != nullptr) {
      static_cast<Channel*>(user)->finish(*call, call->answer.result(error));
    }
    return 0;
  }
};

Result<> Channel::open_session() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (const int code = nghttp2_session_callbacks_new(&callbacks); code != 0) {
    return std::unexpected(protocol("nghttp2", code));
  }
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  nghttp2_session* session = nullptr;
  int code = nghttp2_session_client_new(&session, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (code != 0) {
    return std::unexpected(protocol("nghttp2", code));
  }
  session_.reset(session);
  const std::array settings = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 64U << 10}};
  code = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  code = code != 0 ? code
                   : nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kWindow);
  if (code != 0) {
    return std::unexpected(protocol("nghttp2", code));
  }
  auto watching = loop_.watch(fd_.get(), USHER_READABLE, [this](std::uint32_t) { receive(); });
  if (!watching) {
    return std::unexpected(watching.error());
  }
  readable_ = std::move(*watching);
  return {};
}

Result<> Channel::submit(Call& call, std::chrono::milliseconds deadline) {
  const std::string timeout = std::to_string(deadline.count()) + "m";
  const std::array headers = {
      header(":method", "POST"),       header(":scheme", "http"),
      header(":path", call.path),      header(":authority", "localhost"),
      header("te", "trailers"),        header("content-type", "application/grpc"),
      header("grpc-timeout", timeout), header("user-agent", "usher/" USHER_VERSION),
  };
  nghttp2_data_provider body{};
  body.read_callback = Callbacks::on_read;
  auto timer = loop_.timer(deadline, [this, &call, deadline](auto) { expire(call, deadline); });
  if (!timer) {
    return std::unexpected(timer.error());
  }
  const std::int32_t stream = nghttp2_submit_request(session_.get(), nullptr, headers.data(),
                                                     headers.size(), &body, nullptr);
  if (stream < 0) {
    return std::unexpected(protocol("cannot begin a call", stream));
  }
  call.stream = stream;
  call.timer = std::move(*timer);
  calls_.emplace(stream, &call);
  return {};
}

}  // namespace usher::cri
