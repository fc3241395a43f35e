// What the sockets' services ask, answered from the agent's state.
#pragma once

#include <functional>
#include <string>

#include "agent/enrolment.hpp"
#include "agent/policy_store.hpp"
#include "api/handlers.hpp"

namespace usher::agent {

class Service : public api::Handlers {
 public:
  struct Parts {
    Enrolment& enrolment;
    Registry& registry;
    ProfileCache& profiles;
    RuleTable& rules;
    PolicyStore& store;
    const Records& records;
    enforce::Enforcer& enforcer;
    adapter::Host& adapters;
    Hub& hub;
    Journal& journal;
    std::function<void()> reload;
    std::function<std::vector<std::string>()> warnings;  // of the agent as a whole
    std::int64_t started_at = 0;
    std::uint64_t adopted = 0;
    std::string noticed_runtime;  // as [compat.tetragon] names it; may be empty
    std::function<std::uint64_t()> found_running = [] { return std::uint64_t{0}; };  // Feed's
  };
  explicit Service(Parts parts) : p_(std::move(parts)) {}

  asio::awaitable<v1::HookResponse> hook(v1::HookRequest request) override;
  asio::awaitable<v1::HookResponse> notice(api::ContainerNotice notice) override;
  v1::Status status() override;
  v1::ListWorkloadsResponse workloads() override;
  v1::ListPoliciesResponse policies() override;
  v1::ListAdaptersResponse adapters() override;
  Result<v1::ExplainResponse> explain(const v1::ExplainRequest& request) override;
  std::unique_ptr<api::EventSubscription> subscribe(std::uint32_t history, bool follow) override;
  Result<v1::SetModeResponse> set_mode(const std::string& mode) override;
  Result<v1::ReleaseResponse> release(const std::string& workload) override;
  v1::ReloadResponse reload() override;
  bool is_workload(std::uint32_t pid) override;

 private:
  Parts p_;
};

}  // namespace usher::agent
