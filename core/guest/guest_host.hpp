// The host of adapters that the agent in a guest has: none are loaded, and who a container is, is
// the answer to a claim on the session with the relay.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "adapter/host.hpp"
#include "guest/session.hpp"

namespace usher::guest {

// What a guest's hooks name as their runtime.
inline constexpr std::string_view kRuntime = "kata";

class GuestHost final : public adapter::Host {
 public:
  explicit GuestHost(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  ~GuestHost() override { session_->stop(); }

  Result<> start() override;
  asio::awaitable<Result<identity::Identity>> identify(std::string runtime,
                                                       identity::OciState state,
                                                       std::string raw_state,
                                                       std::chrono::milliseconds deadline) override;
  std::string runtime_of(const identity::Identity& who, const std::string& named) override;
  std::vector<adapter::AdapterInfo> adapters() const override;
  asio::awaitable<void> stop(std::chrono::milliseconds deadline) override;

 private:
  std::shared_ptr<Session> session_;
  std::map<std::string, std::string> runtimes_;  // by container, until it is asked for
};

}  // namespace usher::guest
