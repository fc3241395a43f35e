#include "cri/channel.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "base/escape.hpp"
#include "cri/grpc.hpp"

namespace usher::cri {
namespace {

constexpr std::size_t kReadSize = 64U << 10;
constexpr int kReadsInARow = 32;
constexpr std::int32_t kWindow = 4 << 20;

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

Error protocol(const std::string& what, int code) {
  return {what + ": " + nghttp2_strerror(code), EPROTO};
}

}  // namespace

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

Channel::Channel(Loop loop, std::string socket, std::function<void(const Error&)> lost,
                 std::size_t max_message)
    : loop_(loop), socket_(std::move(socket)), lost_(std::move(lost)), max_message_(max_message) {}

Channel::~Channel() = default;

std::shared_ptr<Channel> Channel::create(Loop loop, std::string socket,
                                         std::function<void(const Error&)> lost,
                                         std::size_t max_message) {
  return std::shared_ptr<Channel>(
      new Channel(loop, std::move(socket), std::move(lost), max_message));
}

Task<Result<std::string>> Channel::call(std::string path, std::string request,
                                        std::chrono::milliseconds deadline) {
  const auto self = shared_from_this();
  Call call;
  call.path = std::move(path);
  call.request = frame_message(request);
  auto started = connect();
  started = started ? submit(call, deadline) : started;
  if (!started) {
    co_return std::unexpected(started.error());
  }
  flush();
  co_await call;
  co_return std::move(call.result);
}

Result<> Channel::connect() {
  if (closed_) {
    return fail("the adapter is stopping", ECANCELED);
  }
  if (session_ != nullptr) {
    return {};
  }
  const std::string what = "cannot connect to the CRI socket " + escape(socket_);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.size() >= sizeof address.sun_path) {
    return fail(what + ": the path is too long", ENAMETOOLONG);
  }
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_system(what);
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return fail_system(what);
  }
  if (peer.uid != 0) {
    return fail(what + ": who listens there has uid " + std::to_string(peer.uid) +
                    "; a runtime's word is only taken from root",
                EPERM);
  }
  fd_ = std::move(fd);
  auto opened = open_session();
  if (!opened) {
    session_.reset();
    readable_.cancel();
    fd_.reset();
    return fail_in(what, opened.error());
  }
  return {};
}

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

void Channel::receive() {
  const auto self = shared_from_this();
  std::array<char, kReadSize> buffer;  // NOLINT: filled by recv
  for (int i = 0; i < kReadsInARow && session_ != nullptr; ++i) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      break;
    }
    if (n <= 0) {
      drop(n == 0 ? Error{"the runtime closed the CRI connection", ECONNRESET}
                  : system_error("the CRI connection failed"));
      break;
    }
    const std::string_view got(buffer.data(), static_cast<std::size_t>(n));
    const ssize_t taken = nghttp2_session_mem_recv(session_.get(), bytes_of(got), got.size());
    if (taken < 0) {
      drop(protocol("what answers on " + escape(socket_) + " is no gRPC server",
                    static_cast<int>(taken)));
    }
  }
  flush();
  settle();
}

void Channel::flush() {
  while (session_ != nullptr) {
    if (unsent_.empty()) {
      const std::uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_.get(), &data);
      if (n < 0) {
        return drop(protocol("cannot speak to the runtime", static_cast<int>(n)));
      }
      if (n == 0) {
        if (nghttp2_session_want_read(session_.get()) == 0) {
          return drop({"the runtime ended the CRI connection", ECONNRESET});
        }
        return writable_.cancel();
      }
      unsent_.assign(view(data, static_cast<std::size_t>(n)));
    }
    const ssize_t n =
        ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
      if (!writable_) {
        auto watching =
            loop_.watch(fd_.get(), USHER_WRITABLE, [self = weak_from_this()](std::uint32_t) {
              if (const auto channel = self.lock()) {
                channel->flush();
              }
            });
        if (!watching) {
          return drop(watching.error());
        }
        writable_ = std::move(*watching);
      }
      return;
    }
    if (n < 0 && errno != EINTR) {
      return drop(system_error("the CRI connection failed"));
    }
    unsent_.erase(0, n < 0 ? 0 : static_cast<std::size_t>(n));
  }
}

void Channel::drop(const Error& why) {
  readable_.cancel();
  writable_.cancel();
  // Calls end first: destroying the session must not report them again.
  while (!calls_.empty()) {
    finish(*calls_.begin()->second, fail(why.message, why.code));
  }
  session_.reset();
  fd_.reset();
  unsent_.clear();
  if (!closed_) {
    loss_ = std::make_unique<Error>(why);
    settle_soon();
  }
}

void Channel::finish(Call& call, Result<std::string> result) {
  calls_.erase(call.stream);
  call.timer.cancel();
  call.result = std::move(result);
  call.done = true;
  if (call.waiter) {
    ready_.push_back(call.waiter);
    settle_soon();
  }
}

void Channel::expire(Call& call, std::chrono::milliseconds deadline) {
  const auto stream = call.stream;
  finish(call, fail("the runtime did not answer " + call.path + " within " +
                        std::to_string(deadline.count()) + " ms",
                    ETIMEDOUT));
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  flush();
}

// Coroutines go on from the loop, never from within nghttp2 or another call.
void Channel::settle_soon() {
  if (settling_) {
    return;
  }
  auto soon = loop_.timer(std::chrono::milliseconds(0), [self = weak_from_this()](std::uint32_t) {
    if (const auto channel = self.lock()) {
      channel->settle();
    }
  });
  if (soon) {
    settling_ = std::move(*soon);
  }
}

void Channel::settle() {
  const auto self = shared_from_this();
  settling_.cancel();
  if (const auto loss = std::move(loss_); loss != nullptr && lost_) {
    lost_(*loss);
  }
  for (const auto waiter : std::exchange(ready_, {})) {
    waiter.resume();
  }
}

void Channel::close() {
  if (!closed_) {
    closed_ = true;
    drop({"the adapter is stopping", ECANCELED});
  }
}

}  // namespace usher::cri
