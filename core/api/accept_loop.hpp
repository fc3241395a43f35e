// Takes connections from a listener, checks who they are, hands them to gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>

#include "api/listener.hpp"
#include "api/peer.hpp"
#include "api/refusals.hpp"
#include "api/server.hpp"

namespace usher::api {

class AcceptLoop {
 public:
  // `server` must outlive the loop's last run.
  AcceptLoop(asio::io_context& loop, Listener listener, grpc::Server& server, PeerRules rules,
             std::function<void(const RefusedPeer&)> refused);
  ~AcceptLoop();
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  const std::filesystem::path& path() const { return listener_.path(); }
  void start() { wait(); }
  // Looks whether the socket's name is still there, and makes it anew where it is not. True: it was
  // made anew.
  Result<bool> renew();
  // Nothing is accepted any more; the socket's name is gone with the object.
  void stop();

 private:
  void wait();
  void pause();
  void accept_waiting();
  void take(Fd connection);

  Listener listener_;
  grpc::Server& server_;
  PeerRules rules_;
  std::function<void(const RefusedPeer&)> refused_;
  RefusalLimiter limiter_;
  asio::posix::stream_descriptor readable_;
  asio::steady_timer retry_;
};

}  // namespace usher::api
