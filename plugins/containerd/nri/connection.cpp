#include "containerd/nri/connection.hpp"

#include <sys/socket.h>

#include <array>
#include <utility>

#include "base/escape.hpp"
#include "cri/root_socket.hpp"

namespace usher::nri {
namespace {

constexpr std::size_t kReadSize = 64U << 10;
constexpr int kReadsInARow = 512;

}  // namespace

// One call of ours, in the frame of the coroutine that waits for it.
struct Connection::Call {
  bool done = false;
  Result<std::string> result;
  cri::Registration timer;
  std::coroutine_handle<> waiter;

  bool await_ready() const { return done; }
  void await_suspend(std::coroutine_handle<> who) { waiter = who; }
  void await_resume() {}

  void finish(Connection& connection, Result<std::string> with) {
    done = true;
    result = std::move(with);
    timer.cancel();
    if (waiter) {
      connection.ready_.push_back(waiter);
      connection.settle_soon();
    }
  }
};

Result<std::shared_ptr<Connection>> Connection::open(cri::Loop loop, const std::string& socket,
                                                     Handlers handlers) {
  auto fd = cri::connect_to_root(socket, "the NRI socket");
  if (!fd) {
    return std::unexpected(std::move(fd.error()));
  }
  const std::shared_ptr<Connection> made(new Connection(loop, std::move(*fd), std::move(handlers)));
  if (auto watching = made->watch(); !watching) {
    return std::unexpected(std::move(watching.error()));
  }
  return made;
}

Result<> Connection::watch() {
  auto watching = loop_.watch(fd_.get(), USHER_READABLE, [self = weak_from_this()](std::uint32_t) {
    if (const auto connection = self.lock()) {
      connection->receive();
    }
  });
  if (!watching) {
    return std::unexpected(std::move(watching.error()));
  }
  readable_ = std::move(*watching);
  return {};
}

cri::Task<Result<std::string>> Connection::call(std::string method, std::string payload,
                                                std::chrono::milliseconds deadline) {
  const auto self = shared_from_this();
  if (!is_open()) {
    co_return fail("the NRI connection is closed", ECONNRESET);
  }
  Call call;
  const auto stream = last_call_ == 0 ? 1 : last_call_ + 2;
  last_call_ = stream;
  auto timer = loop_.timer(deadline, [this, stream, &call, method, deadline](auto) {
    calls_.erase(stream);
    call.finish(*this, fail("the runtime did not answer " + method + " within " +
                                std::to_string(deadline.count()) + " ms",
                            ETIMEDOUT));
  });
  if (!timer) {
    co_return std::unexpected(std::move(timer.error()));
  }
  call.timer = std::move(*timer);
  calls_.emplace(stream, &call);
  const Request request{std::string(kRuntimeService), std::move(method), std::move(payload),
                        deadline};
  send(kRuntimeConnection, {stream, kRequest, 0, write_request(request)});
  co_await call;
  co_return std::move(call.result);
}

// Reads what is there before it serves any of it: a runtime that has closed waits for no answer.
void Connection::receive() {
  const auto self = shared_from_this();
  std::array<char, kReadSize> buffer;  // NOLINT: filled by recv
  for (int i = 0; i < kReadsInARow && is_open(); ++i) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && errno == EAGAIN) {
      break;
    }
    if (n <= 0) {
      drop(n == 0 ? Error{"the runtime closed the NRI connection", ECONNRESET}
                  : system_error("the NRI connection failed"));
      break;
    }
    if (auto taken = take({buffer.data(), static_cast<std::size_t>(n)}); !taken) {
      drop(std::move(taken.error()));
      break;
    }
  }
  for (auto& frame : std::exchange(responses_, {})) {
    dispatch(std::move(frame));
  }
  for (auto& frame : std::exchange(requests_, {})) {
    serve(std::move(frame));
  }
  settle();
}

Result<> Connection::take(std::string_view bytes) {
  return mux_.feed(bytes, [this](std::uint32_t connection, std::string_view part) -> Result<> {
    switch (connection) {
      case kPluginConnection:
        return asked_.feed(part, requests_);
      case kRuntimeConnection:
        return answered_.feed(part, responses_);
      default:
        return {};
    }
  });
}

void Connection::dispatch(Frame frame) {
  const auto call = calls_.find(frame.stream);
  if (frame.type != kResponse || call == calls_.end()) {
    return;  // too late, or nobody's
  }
  Call& waiting = *call->second;
  calls_.erase(call);
  waiting.finish(*this, read_response(frame.data));
}

void Connection::serve(Frame frame) {
  if (!is_open() || frame.type != kRequest) {
    return;
  }
  const auto stream = frame.stream;
  const auto refuse = [&](Code code, const std::string& why) {
    send(kPluginConnection, {stream, kResponse, 0, write_status({code, why})});
  };
  if (stream % 2 == 0 || stream <= last_request_) {
    return refuse(Code::invalid_argument,
                  "stream " + std::to_string(stream) + " is even, or not above the one before");
  }
  last_request_ = stream;
  auto request = read_request(frame.data);
  if (!request) {
    return refuse(Code::invalid_argument, request.error().message);
  }
  if (request->service != kPluginService) {
    return refuse(Code::unimplemented, "service " + escape(request->service));
  }
  if (pending_.size() >= kMaxPending) {
    return refuse(Code::unavailable, "too many requests wait for an answer");
  }
  auto deadline = loop_.timer(
      answer_within_, [self = weak_from_this(), stream, method = request->method](auto) {
        const auto connection = self.lock();
        if (connection != nullptr && connection->pending_.contains(stream)) {
          connection->answer(stream,
                             write_status({Code::deadline_exceeded,
                                           "usher did not decide within " +
                                               std::to_string(connection->answer_within_.count()) +
                                               " ms; see usherctl status on this node"}));
          connection->handlers_.late(method);
        }
      });
  if (!deadline) {
    return refuse(Code::unavailable, deadline.error().message);
  }
  pending_.emplace(stream, std::move(*deadline));
  handlers_.serve(std::move(*request), Reply(weak_from_this(), stream));
}

void Connection::drop(Error why) {
  readable_.cancel();
  pending_.clear();
  requests_.clear();
  unsent_.clear();
  fd_.reset();
  for (const auto& [stream, call] : std::exchange(calls_, {})) {
    call->finish(*this, fail(why.message, why.code));
  }
  if (handlers_.lost) {
    loss_ = std::make_unique<Error>(std::move(why));
    settle_soon();
  }
}

// Coroutines go on, and the loss is told, from the loop: never from within another call.
void Connection::settle_soon() {
  if (settling_) {
    return;
  }
  auto soon = loop_.timer(std::chrono::milliseconds(0), [self = weak_from_this()](std::uint32_t) {
    if (const auto connection = self.lock()) {
      connection->settle();
    }
  });
  if (soon) {
    settling_ = std::move(*soon);
  }
}

void Connection::settle() {
  const auto self = shared_from_this();
  settling_ = {};
  for (const auto waiter : std::exchange(ready_, {})) {
    waiter.resume();
  }
  if (const auto loss = std::move(loss_); loss != nullptr && handlers_.lost) {
    std::exchange(handlers_.lost, {})(*loss);
  }
}

void Connection::end(Error why) {
  if (is_open()) {
    drop(std::move(why));
  }
}

void Connection::close() {
  handlers_.lost = {};
  if (is_open()) {
    drop({"the adapter is stopping", ECANCELED});
  }
}

}  // namespace usher::nri
