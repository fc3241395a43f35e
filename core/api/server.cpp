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

#include "api/accept_loop.hpp"
#include "api/services.hpp"

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
        agent_service_({loop, handlers, streams_}, options.max_admin_calls) {}

  Result<> bind(const ServerOptions& options) {
    auto hook = Listener::open(options.hook_socket);
    if (!hook) {
      return std::unexpected(hook.error());
    }
    auto admin = Listener::open(options.admin_socket);
    if (!admin) {
      return std::unexpected(admin.error());
    }
    hook_server_ = serve(hook_service_);
    admin_server_ = serve(agent_service_);
    if (!hook_server_ || !admin_server_) {
      return fail("cannot start the gRPC servers: the lines before this one say why");
    }
    const PeerRules rules{
        .is_workload = [this](std::uint32_t pid) { return handlers_.is_workload(pid); }};
    hook_accept_ = std::make_unique<AcceptLoop>(loop_, std::move(*hook), *hook_server_, rules,
                                                options.refused);
    admin_accept_ = std::make_unique<AcceptLoop>(loop_, std::move(*admin), *admin_server_, rules,
                                                 options.refused);
    return {};
  }

  void start() override {
    hook_accept_->start();
    admin_accept_->start();
  }

  asio::awaitable<void> stop(std::chrono::milliseconds grace) override {
    // Half a stop would leave the helper thread behind.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    const auto guard = asio::make_work_guard(loop_);
    hook_accept_->stop();
    admin_accept_->stop();
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
      std::thread admin([&] { admin_server_->Shutdown(deadline); });
      hook_server_->Shutdown(deadline);
      admin.join();
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
    hook_server_.reset();
    admin_server_.reset();
    hook_accept_.reset();
    admin_accept_.reset();
  }

 private:
  asio::io_context& loop_;
  Handlers& handlers_;
  LiveCalls hooks_;
  LiveCalls streams_;
  HookService hook_service_;
  AgentService agent_service_;
  // The accept loops first: they hand connections to the servers.
  std::unique_ptr<grpc::Server> hook_server_;
  std::unique_ptr<grpc::Server> admin_server_;
  std::unique_ptr<AcceptLoop> hook_accept_;
  std::unique_ptr<AcceptLoop> admin_accept_;
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
