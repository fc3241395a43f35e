// Stands for the agent behind the sockets: Handlers whose answers a test sets, served by a real
// Server on a loop thread of its own.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "api/client.hpp"
#include "api/server.hpp"

namespace usher::api::test {

using namespace std::chrono_literals;

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class HandlersDouble : public Handlers {
 public:
  explicit HandlersDouble(asio::io_context& loop) : loop_(loop) {}

  asio::awaitable<v1::HookResponse> hook(v1::HookRequest request) override;
  // Answers as hook() does, with the container's id as the state; keeps what was said.
  asio::awaitable<v1::HookResponse> notice(ContainerNotice notice) override;
  v1::Status status() override;
  v1::ListWorkloadsResponse workloads() override;
  v1::ListPoliciesResponse policies() override { return {}; }
  v1::ListAdaptersResponse adapters() override { return {}; }
  Result<v1::ExplainResponse> explain(const v1::ExplainRequest& request) override;
  std::unique_ptr<EventSubscription> subscribe(std::uint32_t history, bool follow) override;
  Result<v1::SetModeResponse> set_mode(const std::string& mode) override;
  Result<v1::ReleaseResponse> release(const std::string& workload) override;
  v1::ReloadResponse reload() override { return {}; }
  bool is_workload(std::uint32_t pid) override;

  // A hook whose state says so waits until it is cancelled.
  static constexpr const char* kHang = "hang";
  // One whose state says so waits for `let_go`, deaf to cancellation.
  static constexpr const char* kDeaf = "deaf";
  std::atomic<bool> let_go{false};
  std::atomic<int> hooks_waiting{0};
  std::atomic<int> hooks_cancelled{0};
  std::atomic<int> subscriptions{0};
  std::atomic<bool> everybody_is_a_workload{false};
  std::mutex noticed_mutex;
  ContainerNotice noticed;  // the last one

 private:
  asio::io_context& loop_;
};

class AgentDouble {
 public:
  explicit AgentDouble(const std::function<void(ServerOptions&)>& change = {});
  ~AgentDouble();
  AgentDouble(const AgentDouble&) = delete;
  AgentDouble& operator=(const AgentDouble&) = delete;

  std::unique_ptr<Client> hook_client(std::chrono::milliseconds timeout = 10s) const;
  std::unique_ptr<Client> admin_client(std::chrono::milliseconds timeout = 10s) const;
  // Blocks until the server said that it has stopped; how long that took.
  std::chrono::milliseconds stop(std::chrono::milliseconds grace);
  std::vector<RefusedPeer> refused() const;
  // What the server said of sockets that were lost, on its loop.
  std::vector<std::string> renew();

  TemporaryDirectory directory;
  ServerOptions options;
  asio::io_context loop{1};
  HandlersDouble handlers{loop};

 private:
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::unique_ptr<Server> server_;
  mutable std::mutex mutex_;
  std::vector<RefusedPeer> refused_;
  std::thread thread_;
};

// Until `condition` holds; false when it does not within ten seconds.
bool eventually(const std::function<bool()>& condition);

// What a child process did: its exit code. `body` may only make system calls.
int in_child(const std::function<int()>& body);

// Connects and waits for the other end to speak or to close: 0 closed, 1 spoke, else an errno.
int closed_at_once(const std::filesystem::path& socket);

}  // namespace usher::api::test
