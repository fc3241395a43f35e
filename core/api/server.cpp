#include "api/server.hpp"

#include <grpcpp/grpcpp.h>

#include <asio/cancellation_state.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "api/accept_loop.hpp"
#include "api/services.hpp"
#include "api/tetragon_service.hpp"

namespace usher::api {
namespace {

// The largest OCI state (identity/oci_state.hpp) and room for the rest of the message.
constexpr int kMaxMessage = (4 << 20) + (64 << 10);

std::unique_ptr<grpc::Server> serve(grpc::Service& service) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(kMaxMessage);
  builder.SetMaxSendMessageSize(-1);  // lists are as long as the node is busy
  return builder.BuildAndStart();
}

class GrpcServer final : public Server {
 public:
  GrpcServer(asio::io_context& loop, Handlers& handlers, const ServerOptions& options)
      : loop_(loop),
        handlers_(handlers),
        hook_service_({loop, handlers, hooks_, options.hook_deadline}, options.max_hook_calls),
        agent_service_({loop, handlers, streams_}, options.max_admin_calls),
        tetragon_service_({loop, handlers, hooks_, options.hook_deadline}, options.max_hook_calls) {
  }

  Result<> bind(const ServerOptions& options) {
    struct Wanted {
      const std::filesystem::path& socket;
      grpc::Service& service;
    };
    std::vector<Wanted> wanted{{options.hook_socket, hook_service_},
                               {options.admin_socket, agent_service_}};
    if (!options.tetragon_socket.empty()) {
      wanted.push_back({options.tetragon_socket, tetragon_service_});
    }
    std::vector<Listener> listeners;
    for (const auto& [socket, service] : wanted) {
      auto listener = Listener::open(socket);
      if (!listener) {
        return std::unexpected(listener.error());
      }
      listeners.push_back(std::move(*listener));
    }
    const PeerRules rules{
        .is_workload = [this](std::uint32_t pid) { return handlers_.is_workload(pid); }};
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      auto server = serve(wanted[i].service);
      if (!server) {
        return fail("cannot start the gRPC servers: the lines before this one say why");
      }
      auto& one = served_.emplace_back(std::move(server), nullptr);
      one.accept = std::make_unique<AcceptLoop>(loop_, std::move(listeners[i]), *one.server, rules,
                                                options.refused);
    }
    return {};
  }

  void start() override {
    for (const auto& one : served_) {
      one.accept->start();
    }
  }

  std::vector<std::string> renew() override {
    std::vector<std::string> out;
    for (const auto& one : served_) {
      const auto& path = one.accept->path().native();
      if (const auto made = one.accept->renew(); !made) {
        out.push_back("the socket " + path +
                      " was removed, and nobody reaches the agent by it: " + made.error().message);
      } else if (*made) {
        out.push_back("the socket " + path +
                      " was removed by somebody and was made anew; what asked meanwhile was "
                      "refused");
      }
    }
    return out;
  }

  asio::awaitable<void> stop(std::chrono::milliseconds grace) override {
    // Half a stop would leave the helper thread behind.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    const auto guard = asio::make_work_guard(loop_);
    for (const auto& one : served_) {
      one.accept->stop();
    }
    streams_.end_all();
    const auto deadline = std::chrono::system_clock::now() + grace;
    // Calls that are still there just before gRPC would cut them off get an answer instead.
    asio::steady_timer last_word(loop_, grace * 9 / 10);
    last_word.async_wait([this](const asio::error_code& error) {
      if (!error) {
        hooks_.end_all();
      }
    });
    bool done = false;
    asio::steady_timer finished(loop_, asio::steady_timer::time_point::max());
    // gRPC's Shutdown waits for calls that only the loop can finish: on the loop it would deadlock.
    std::thread helper([&] {
      std::vector<std::thread> each;
      each.reserve(served_.size());
      for (const auto& one : served_) {
        each.emplace_back([&one, deadline] { one.server->Shutdown(deadline); });
      }
      for (auto& thread : each) {
        thread.join();
      }
      asio::post(loop_, [&] {
        done = true;
        finished.cancel();
      });
    });
    while (!done) {
      asio::error_code woken;
      co_await finished.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    helper.join();
    for (auto& one : served_) {
      one.server.reset();
    }
    served_.clear();
  }

 private:
  // One socket. The loop goes first: it hands connections to the server.
  struct Served {
    std::unique_ptr<grpc::Server> server;
    std::unique_ptr<AcceptLoop> accept;
  };

  asio::io_context& loop_;
  Handlers& handlers_;
  LiveCalls hooks_;
  LiveCalls streams_;
  HookService hook_service_;
  AgentService agent_service_;
  TetragonService tetragon_service_;
  std::vector<Served> served_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::open(asio::io_context& loop, Handlers& handlers,
                                             const ServerOptions& options) {
  auto server = std::make_unique<GrpcServer>(loop, handlers, options);
  if (auto bound = server->bind(options); !bound) {
    return std::unexpected(bound.error());
  }
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace usher::api
