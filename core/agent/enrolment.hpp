// From a hook's request to a verdict. GO is said only after the kernel's maps were written and read
// back and the record that outlives the agent is in place.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "adapter/host.hpp"
#include "agent/gate_times.hpp"
#include "agent/journal.hpp"
#include "agent/locator.hpp"
#include "agent/profile_cache.hpp"
#include "agent/records.hpp"
#include "agent/registry.hpp"
#include "agent/resolution.hpp"
#include "enforce/enforcer.hpp"
#include "usher/v1/hooks.pb.h"

namespace usher::agent {

class Enrolment {
 public:
  struct Parts {
    Registry& registry;
    ProfileCache& profiles;
    Resolution& policies;
    const Records& records;
    enforce::Enforcer& enforcer;
    adapter::Host& adapters;
    Journal& journal;
    const Locator& locator;
    std::chrono::milliseconds identify_deadline;
    // A slot's container is said or seen to be gone; what follows is not the hook's to wait for.
    std::function<void(std::uint32_t slot)> gone;
  };
  explicit Enrolment(Parts parts) : p_(std::move(parts)) {}

  // createRuntime, prestart: the gate. createContainer, startContainer: refused unless the gate
  // was passed. poststart, poststop: hints, always GO. A refusal's message is one sentence.
  asio::awaitable<v1::HookResponse> hook(v1::HookRequest request);

  // The part of the gate after identification; no waiting in it, so two gates of one container
  // cannot meet halfway: the later one finds the container enrolled.
  Result<> admit(identity::Identity who, const std::string& runtime,
                 const identity::OciState& state);

  GateTimes::Summary times() const { return times_.summary(); }

 private:
  asio::awaitable<Result<>> gate(std::string runtime, identity::OciState state, std::string raw);
  Result<> confirm(const identity::OciState& state) const;
  Result<bool> already_enrolled(const identity::Identity& who,
                                const identity::Placement& placement);
  Result<> enrol(identity::Workload workload, ProfileHandle profile);

  Parts p_;
  GateTimes times_;
};

}  // namespace usher::agent
