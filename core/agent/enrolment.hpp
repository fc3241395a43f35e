// From a hook's request, or what an adapter reports, to a verdict. GO is said only after the
// kernel's maps were written and read back and the record that outlives the agent is in place.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "adapter/host.hpp"
#include "agent/gate_times.hpp"
#include "agent/journal.hpp"
#include "agent/locator.hpp"
#include "agent/profile_cache.hpp"
#include "agent/records.hpp"
#include "agent/registry.hpp"
#include "agent/resolution.hpp"
#include "agent/sandboxes.hpp"
#include "api/container_notice.hpp"
#include "enforce/enforcer.hpp"
#include "usher/v1/hooks.pb.h"

namespace usher::agent {

// A container of which an adapter says that it starts or runs. `who` names at least the container;
// pid (on the host) or cgroup_path says where it is; where both are given they must agree.
struct ReportedContainer {
  identity::Identity who;
  std::string runtime;
  int pid = 0;
  std::string cgroup_path;
  bool running = false;  // its program has begun: it may have cgroups and processes of its own
  bool awaited = false;  // with `running`: it may be about to begin as well
};

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
    const Sandboxes& sandboxes;
    std::chrono::milliseconds identify_deadline;
    // A slot's container is said or seen to be gone; what follows is not the hook's to wait for.
    std::function<void(std::uint32_t slot)> gone;
    // A hook is the first to say that its program runs: where no kernel says so. May be empty.
    std::function<void(const Entry&)> started = {};
  };
  explicit Enrolment(Parts parts) : p_(std::move(parts)) {}

  // createRuntime, prestart: the gate. createContainer, startContainer: refused unless the gate
  // was passed. poststart, poststop: hints, always GO. A refusal's message is one sentence.
  asio::awaitable<v1::HookResponse> hook(v1::HookRequest request);

  // The gate for a hook that tells neither runtime nor pid. The runtime is the one whose adapter
  // has the pod's sandbox on record, or `named_runtime` where the node's configuration names one.
  // What the notice says of the pod is compared and told, and decides nothing.
  asio::awaitable<v1::HookResponse> notice(api::ContainerNotice notice, std::string named_runtime);

  enum class Admitted : std::uint8_t { enrolled, confirmed };

  // The part of the gate after identification; no waiting in it, so two gates of one container
  // cannot meet halfway: the later one finds the container enrolled and confirms it.
  Result<Admitted> admit(identity::Identity who, const std::string& runtime,
                         const identity::OciState& state);
  // The same for what an adapter reports; one that starts is a gate. Tasks of a running container
  // are not tagged yet.
  Result<Admitted> admit(ReportedContainer container);

  // Its program runs, by its runtime's word: it is no longer awaited.
  void begun(Entry& entry);

  // Does any policy apply to it, by what is known of it and by its sandbox's record?
  Result<bool> selected(identity::Identity who, const std::string& runtime) const;

  // A runtime's records are complete: what workloads lack of their pod's is filled in from them.
  void learn_from_records(const std::string& runtime);

  GateTimes::Summary times() const { return times_.summary(); }
  // For status: why no container can be let start.
  std::vector<std::string> warnings() const;

 private:
  struct Found {
    identity::Placement placement;
    std::function<Result<std::uint32_t>()> merged;  // USHER_MERGED_*; asked of new ones only
    bool awaited = false;                           // its program has not begun
  };
  Result<Admitted> admit_reported(ReportedContainer container);
  Result<Admitted> admit_on_host(ReportedContainer container);
  Result<Found> locate(const ReportedContainer& container) const;
  Result<Admitted> take_in(identity::Identity who, const std::string& runtime, Found found);
  asio::awaitable<Result<>> gate(std::string runtime, identity::OciState state, std::string raw);
  // `found`: what is known of the container so far, for whoever tells of a refusal.
  asio::awaitable<Result<>> gate(api::ContainerNotice notice, std::string named_runtime,
                                 identity::Identity& found);
  asio::awaitable<Result<identity::Identity>> identify_noticed(const std::string& runtime,
                                                               const std::string& named_runtime,
                                                               const identity::OciState& state);
  Result<std::string> runtime_of(std::string_view pod_uid, const std::string& named) const;
  Result<> confirm(const identity::OciState& state) const;
  // Null: the container is not enrolled and its cgroup is free.
  Result<Entry*> enrolled_as(const identity::Identity& who, const identity::Placement& placement);
  // The container is enrolled: both must say the same; what is new of it is taken over.
  Result<> confirm(Entry& entry, const identity::Identity& who, const std::string& runtime,
                   const Found* found);
  // Makes `known` the entry's identity, on disk as well, and applies what that changes.
  Result<> take_over(Entry& entry, identity::Identity known, std::string_view why);
  Result<> enrol(identity::Workload workload, ProfileHandle profile, bool awaited);

  Parts p_;
  GateTimes times_;
  std::string record_problem_;  // of the last record that was to be written; empty: it was
};

}  // namespace usher::agent
