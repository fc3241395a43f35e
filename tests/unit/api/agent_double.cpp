#include "agent_double.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>
#include <stdexcept>

namespace usher::api::test {
namespace {

// `count` numbered events, then the end of the history; with `follow` nothing more until cancelled.
class NumberedEvents final : public EventSubscription {
 public:
  NumberedEvents(asio::io_context& loop, std::uint32_t count, bool follow,
                 std::atomic<int>& subscriptions)
      : timer_(loop), count_(count), follow_(follow), subscriptions_(subscriptions) {
    ++subscriptions_;
  }
  ~NumberedEvents() override { --subscriptions_; }

  asio::awaitable<Result<v1::Event>> next() override {
    if (told_ == count_) {
      if (!follow_) {
        co_return fail("that was the history");
      }
      timer_.expires_at(asio::steady_timer::time_point::max());
      co_await timer_.async_wait(asio::use_awaitable);
    }
    v1::Event event;
    event.set_type("verdict");
    event.set_pid(++told_);
    event.set_path(std::string("/etc/\xff\n", 7));
    co_return event;
  }

 private:
  asio::steady_timer timer_;
  std::uint32_t count_;
  bool follow_;
  std::uint32_t told_ = 0;
  std::atomic<int>& subscriptions_;
};

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = "/tmp/usher-api-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("mkdtemp failed");
  }
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

asio::awaitable<v1::HookResponse> HandlersDouble::hook(v1::HookRequest request) {
  v1::HookResponse response;
  if (request.state() == kHang) {
    ++hooks_waiting;
    asio::steady_timer never(loop_, asio::steady_timer::time_point::max());
    asio::error_code woken;
    co_await never.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    --hooks_waiting;
    ++hooks_cancelled;
    co_return response;
  }
  if (request.state() == kDeaf) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    ++hooks_waiting;
    asio::steady_timer timer(loop_);
    while (!let_go) {
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    --hooks_waiting;
    co_return response;
  }
  if (request.state() == "throw") {
    throw std::runtime_error("a bug");
  }
  response.set_verdict(v1::HookResponse::VERDICT_GO);
  response.set_message(request.runtime() + " " + std::to_string(request.state().size()));
  co_return response;
}

asio::awaitable<v1::HookResponse> HandlersDouble::notice(ContainerNotice notice) {
  {
    const std::lock_guard lock(noticed_mutex);
    noticed = notice;
  }
  v1::HookRequest request;
  request.set_state(notice.container_id);
  if (notice.container_id == "refuse") {
    v1::HookResponse response;
    response.set_verdict(v1::HookResponse::VERDICT_REFUSE);
    response.set_message("it is not wanted: 100%\n");
    co_return response;
  }
  co_return co_await hook(request);
}

v1::Status HandlersDouble::status() {
  v1::Status status;
  status.set_version("1.2.3");
  status.set_backend("lsm");
  return status;
}

v1::ListWorkloadsResponse HandlersDouble::workloads() {
  v1::ListWorkloadsResponse response;
  for (std::uint32_t i = 0; i < 5000; ++i) {  // more than gRPC's default of 4 MiB
    auto* workload = response.add_workloads();
    workload->set_slot(i);
    workload->set_image(std::string(1000, 'i'));
  }
  return response;
}

Result<v1::ExplainResponse> HandlersDouble::explain(const v1::ExplainRequest& request) {
  if (request.operation() != "exec") {
    return fail("no such operation", EINVAL);
  }
  v1::ExplainResponse response;
  response.set_verdict("deny");
  response.add_notes(std::to_string(request.object().size()) + " bytes");
  return response;
}

std::unique_ptr<EventSubscription> HandlersDouble::subscribe(std::uint32_t history, bool follow) {
  return std::make_unique<NumberedEvents>(loop_, history, follow, subscriptions);
}

Result<v1::SetModeResponse> HandlersDouble::set_mode(const std::string&) {
  return fail("the maps cannot be written");
}

Result<v1::ReleaseResponse> HandlersDouble::release(const std::string& workload) {
  return fail("no workload " + workload, ENOENT);
}

bool HandlersDouble::is_workload(std::uint32_t) {
  return everybody_is_a_workload;
}

AgentDouble::AgentDouble(const std::function<void(ServerOptions&)>& change)
    : guard_(asio::make_work_guard(loop)) {
  options.hook_socket = directory / "hook.sock";
  options.admin_socket = directory / "admin.sock";
  options.refused = [this](const RefusedPeer& peer) {
    const std::lock_guard lock(mutex_);
    refused_.push_back(peer);
  };
  if (change) {
    change(options);
  }
  auto server = Server::open(loop, handlers, options);
  if (!server) {
    throw std::runtime_error(server.error().message);
  }
  server_ = std::move(*server);
  server_->start();
  thread_ = std::thread([this] { loop.run(); });
}

AgentDouble::~AgentDouble() {
  if (server_) {
    stop(100ms);
  }
  guard_.reset();
  thread_.join();
}

std::unique_ptr<Client> AgentDouble::hook_client(std::chrono::milliseconds timeout) const {
  return std::move(Client::connect(options.hook_socket, timeout).value());
}

std::unique_ptr<Client> AgentDouble::admin_client(std::chrono::milliseconds timeout) const {
  return std::move(Client::connect(options.admin_socket, timeout).value());
}

std::chrono::milliseconds AgentDouble::stop(std::chrono::milliseconds grace) {
  const auto begin = std::chrono::steady_clock::now();
  std::promise<void> stopped;
  asio::co_spawn(loop, server_->stop(grace), [&](const std::exception_ptr&) {
    server_.reset();
    stopped.set_value();
  });
  stopped.get_future().wait();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               begin);
}

std::vector<RefusedPeer> AgentDouble::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

std::vector<std::string> AgentDouble::renew() {
  std::promise<std::vector<std::string>> told;
  asio::post(loop, [&] { told.set_value(server_->renew()); });
  return told.get_future().get();
}

bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) {
      return false;
    }
    ::poll(nullptr, 0, 1);
  }
  return true;
}

int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int closed_at_once(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno;
  }
  // gRPC greets with a settings frame: bytes mean that the connection was taken.
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, 10000) == 0) {
    return ETIMEDOUT;
  }
  char byte = 0;
  const auto got = ::read(fd, &byte, 1);
  ::close(fd);
  return got == 1 ? 1 : 0;
}

}  // namespace usher::api::test
