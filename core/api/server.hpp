// The agent's sockets: two, and one more for foreign hooks where it is asked for. Own listeners
// (mode 0600, flock against a second agent, stale sockets taken over), peers checked at accept,
// accepted descriptors handed to gRPC.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/handlers.hpp"
#include "base/error.hpp"

namespace usher::api {

// A peer that was turned away at accept.
struct RefusedPeer {
  std::filesystem::path socket;
  std::int64_t pid = 0;   // 0: not known
  std::int64_t uid = -1;  // -1: not known
  std::string reason;
  std::uint64_t untold = 0;  // refusals since the last one that was told: these are rate-limited
};

struct ServerOptions {
  std::filesystem::path hook_socket = "/run/usher/hook.sock";    // only usher.v1.RuntimeHooks
  std::filesystem::path admin_socket = "/run/usher/admin.sock";  // only usher.v1.Agent
  std::filesystem::path tetragon_socket;  // only tetragon.FineGuidanceSensors; empty: not served
  std::chrono::milliseconds hook_deadline{2000};  // a hook call is refused after this
  std::uint32_t max_hook_calls = 512;             // at a time; more are refused with a message
  std::uint32_t max_admin_calls = 64;
  std::function<void(const RefusedPeer&)> refused;  // on the loop; may be empty
};

class Server {
 public:
  // Binds the sockets; nothing is accepted before start(), connections made until then wait.
  // Errors name the socket, who holds it and what to do. `loop` and `handlers` must outlive it.
  static Result<std::unique_ptr<Server>> open(asio::io_context& loop, Handlers& handlers,
                                              const ServerOptions& options);
  virtual ~Server() = default;
  virtual void start() = 0;
  // Makes sockets anew whose names somebody has removed: without them no hook reaches the agent,
  // which would look well. One sentence for each that was lost; none when all are there. On the
  // loop, after start() and before stop().
  virtual std::vector<std::string> renew() = 0;
  // Ends calls in flight within `grace`, on a helper thread while the loop runs, then the sockets:
  // event streams at once, hook calls (refused, with that reason) shortly before it is over. Must
  // have completed before the server is destroyed, once start() was called. Call it once.
  virtual asio::awaitable<void> stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace usher::api
