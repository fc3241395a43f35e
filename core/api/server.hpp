// The agent's two sockets. Own listeners (mode 0600, flock against a second agent, stale sockets
// taken over), peers checked at accept, accepted descriptors handed to gRPC.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <memory>

#include "api/handlers.hpp"
#include "base/error.hpp"

namespace usher::api {

struct ServerOptions {
  std::filesystem::path hook_socket = "/run/usher/hook.sock";    // only usher.v1.RuntimeHooks
  std::filesystem::path admin_socket = "/run/usher/admin.sock";  // only usher.v1.Agent
  std::chrono::milliseconds hook_deadline{2000};  // a hook call is refused after this
};

class Server {
 public:
  // Binds both sockets; nothing is accepted before start(). Errors name the socket, who holds it
  // and what to do.
  static Result<std::unique_ptr<Server>> open(asio::io_context& loop, Handlers& handlers,
                                              const ServerOptions& options);
  virtual ~Server() = default;
  virtual void start() = 0;
  // Ends calls in flight within `grace`, on a helper thread while the loop runs, then the sockets.
  virtual asio::awaitable<void> stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace usher::api
