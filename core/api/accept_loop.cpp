#include "api/accept_loop.hpp"

#include <grpcpp/server_posix.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace usher::api {
namespace {

constexpr std::uint32_t kToldRefusals = 5;
constexpr std::chrono::seconds kToldWindow{10};
constexpr int kAcceptedAtOnce = 64;  // then the loop's other work gets its turn
constexpr std::chrono::milliseconds kRetry{50};

}  // namespace

AcceptLoop::AcceptLoop(asio::io_context& loop, Listener listener, grpc::Server& server,
                       PeerRules rules, std::function<void(const RefusedPeer&)> refused)
    : listener_(std::move(listener)),
      server_(server),
      rules_(std::move(rules)),
      refused_(std::move(refused)),
      limiter_(kToldRefusals, kToldWindow),
      readable_(loop, listener_.get()),
      retry_(loop) {}

AcceptLoop::~AcceptLoop() {
  readable_.release();
}  // the listener owns the descriptor

void AcceptLoop::stop() {
  readable_.cancel();
  retry_.cancel();
}

Result<bool> AcceptLoop::renew() {
  if (!listener_.is_lost()) {
    return false;
  }
  retry_.cancel();
  readable_.release();  // before the listener closes it
  const auto made = listener_.renew();
  readable_.assign(listener_.get());
  wait();
  if (!made) {
    return std::unexpected(made.error());
  }
  return true;
}

void AcceptLoop::wait() {
  readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this](const asio::error_code& error) {
                         if (!error) {  // else `this` may be gone
                           accept_waiting();
                         }
                       });
}

// Out of descriptors: the connection stays in the backlog and would wake us at once.
void AcceptLoop::pause() {
  retry_.expires_after(kRetry);
  retry_.async_wait([this](const asio::error_code& error) {
    if (!error) {
      wait();
    }
  });
}

void AcceptLoop::accept_waiting() {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    auto connection = listener_.accept();
    if (connection) {
      take(std::move(*connection));
      continue;
    }
    const int code = connection.error().code;
    if (code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM) {
      return pause();
    }
    if (code != ECONNABORTED && code != EINTR) {
      break;
    }
  }
  wait();
}

void AcceptLoop::take(Fd connection) {
  auto peer = check_peer(connection.get(), rules_);
  if (peer) {
    grpc::AddInsecureChannelFromFd(&server_, connection.release());
    return;
  }
  const auto untold = limiter_.admit(std::chrono::steady_clock::now());
  if (refused_ && untold) {
    const auto& why = peer.error();
    refused_(RefusedPeer{listener_.path(), why.pid, why.uid, why.reason, *untold});
  }
}

}  // namespace usher::api
