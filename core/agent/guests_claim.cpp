// Whether a guest's container may run, and under which policies. A guest's word is a look-up key:
// what is not told by the container's runtime is not granted, and nothing that a guest says changes
// which policies apply.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/guests.hpp"
#include "agent/shown.hpp"

namespace usher::agent {

namespace {

using State = GuestContainer::State;
using adapter::GuestClaim;
using adapter::GuestGrant;
using adapter::GuestPolicies;

std::string_view why_not_created(const GuestContainer& container) {
  switch (container.state) {
    case State::approved:
      return "it was claimed already, and a claim is good once; if nobody of yours did, another "
             "process in the guest has: restart the pod";
    case State::running:
      return "it runs already, as its runtime says";
    case State::ended:
      return "it has ended, as its guest says";
    case State::created:
      break;
  }
  return {};
}

}  // namespace

Result<GuestGrant> Guests::claim(const std::string& adapter, const GuestClaim& claim) {
  auto granted = claim.container_id == claim.sandbox_id ? decide_sandbox(claim) : decide(claim);
  if (granted || granted.error().code == EAGAIN) {
    return granted;
  }
  if (const auto held = lines_.pass(claim.sandbox_id, "refused")) {
    const auto* known = at(claim.sandbox_id, claim.container_id);
    const auto who = known != nullptr ? whole(*known) : whole(claim.sandbox_id);
    p_.journal.tell(LogLevel::error, "refused",
                    fmt::format("container {} refused as its guest claimed it (adapter {}): {}{}",
                                shown(claim.container_id), adapter, granted.error().message,
                                *held == 0 ? "" : fmt::format(" ({} more were not told)", *held)),
                    &who);
  }
  return granted;
}

Result<GuestGrant> Guests::decide(const GuestClaim& claim) {
  const auto place = places_.find(claim.container_id);
  if (place == places_.end()) {
    return fail(fmt::format("no runtime's adapter has told of container {} in sandbox {} (yet): "
                            "check that the adapter of its runtime is healthy (usherctl adapters) "
                            "and knows this pod as one of a guest",
                            shown(claim.container_id), shown(claim.sandbox_id)),
                EAGAIN);
  }
  if (place->second != claim.sandbox_id) {
    return fail("it is a container of another sandbox: a guest may claim its own alone");
  }
  auto& container = *at(claim.sandbox_id, claim.container_id);
  if (container.state != State::created) {
    return fail(std::string(why_not_created(container)));
  }
  if (is_being_listed(sandboxes_.find(claim.sandbox_id)->second)) {
    return fail(fmt::format("runtime \"{}\" has not told of all its containers yet",
                            shown(container.runtime)),
                EAGAIN);
  }
  auto who = container.identity;
  if (auto joined = p_.sandboxes.join(container.runtime, who); !joined) {
    return std::unexpected(std::move(joined.error()));
  }
  return grant(claim, sandboxes_.find(claim.sandbox_id)->second, container,
               p_.policies.resolve(who, container.runtime), who, container.runtime);
}

// A sandbox's own container starts before some runtimes (containerd 2) tell of the sandbox at all,
// and they do not tell before it runs. Then it runs under no policy until they have told:
// learn_of() brings it under those that apply. To hold it back would be no pod at all.
Result<GuestGrant> Guests::decide_sandbox(const GuestClaim& claim) {
  const auto* known = at(claim.sandbox_id, claim.container_id);
  if (known != nullptr && known->state != State::created) {
    return fail(std::string(why_not_created(*known)));
  }
  auto who = whole(claim.sandbox_id);
  std::string runtime;
  bool is_told = true;
  if (const auto told = p_.sandboxes.told(claim.sandbox_id)) {
    runtime = told->runtime;
  } else if (known != nullptr && !known->adapter.empty()) {
    who = known->identity;
    runtime = known->runtime;
  } else {
    is_told = false;
    who.handler_unknown = who.record_unknown = true;
    who.identity_source = "its relay's transport";
  }
  auto place = sandbox(claim.sandbox_id);
  if (!place) {
    return std::unexpected(std::move(place.error()));
  }
  const bool is_new = known == nullptr;
  if (is_new) {
    GuestContainer fresh;
    fresh.identity = who;
    fresh.runtime = runtime;
    (*place)->containers.emplace(claim.container_id, std::move(fresh));
    places_.emplace(claim.container_id, claim.sandbox_id);
  }
  auto granted =
      grant(claim, **place, *at(claim.sandbox_id, claim.container_id),
            is_told ? p_.policies.resolve(who, runtime) : Result<policy::RuleSet>(), who, runtime);
  if (!granted && is_new) {
    (*place)->containers.erase(claim.container_id);
    places_.erase(claim.container_id);
    drop_if_empty(claim.sandbox_id);
  }
  return granted;
}

Result<GuestGrant> Guests::grant(const GuestClaim& claim, GuestSandbox& sandbox,
                                 GuestContainer& container, Result<policy::RuleSet> rules,
                                 const identity::Identity& who, const std::string& runtime) {
  GuestKernel kernel{claim.backend, claim.enforces};
  if (!rules) {
    return fail_in("cannot tell which policies apply", std::move(rules.error()));
  }
  auto degraded = verdicts_.judge(*rules, kernel);
  if (!degraded) {
    return fail_in(kernel.backend == "none"
                       ? "there is no agent in its guest that could carry out its policies"
                       : "its guest cannot carry out its policies",
                   std::move(degraded.error()));
  }
  container.state = State::approved;
  container.rules = std::move(*rules);
  auto policies = join_policies(sandbox);
  if (!policies) {
    container.state = State::created;
    container.rules = {};
    return std::unexpected(std::move(policies.error()));
  }
  sandbox.kernel = std::move(kernel);
  sandbox.policies = *policies;
  container.claimed = true;
  container.degraded = std::move(*degraded);
  container.problem.clear();
  const auto count = container.rules.policies.size();
  p_.journal.tell(LogLevel::info, "approved",
                  fmt::format("may run in its guest (backend {}); {} apply", shown(claim.backend),
                              count == 1 ? "1 policy" : fmt::format("{} policies", count)),
                  &who);
  return GuestGrant{who, runtime, std::move(*policies)};
}

Result<std::shared_ptr<const GuestPolicies>> Guests::join_policies(const GuestSandbox& sandbox) {
  std::map<std::string_view, std::shared_ptr<const policy::Policy>> by_name;
  const auto& current = p_.policies.set().policies;
  for (const auto& [id, container] : sandbox.containers) {
    for (const auto& policy : container.rules.policies) {
      auto& taken = by_name[policy->name];
      // Where one container keeps an older version of a policy, the one in force counts for all.
      if (taken == nullptr || std::ranges::find(current, policy) != current.end()) {
        taken = policy;
      }
    }
  }
  auto joined = std::make_shared<GuestPolicies>();
  std::size_t bytes = 0;
  for (const auto& [name, policy] : by_name) {
    joined->items.push_back({policy->name, policy->source});
    bytes += policy->source.size();
  }
  if (joined->items.size() > p_.limits.policies || bytes > p_.limits.policy_bytes) {
    return fail(
        fmt::format("{} policies of {} bytes apply to its sandbox; a guest is sent at most "
                    "{} of {}: narrow their selectors",
                    joined->items.size(), bytes, p_.limits.policies, p_.limits.policy_bytes));
  }
  const auto same = [](const adapter::GuestPolicy& a, const adapter::GuestPolicy& b) {
    return a.name == b.name && a.text == b.text;
  };
  if (sandbox.policies != nullptr &&
      std::ranges::equal(sandbox.policies->items, joined->items, same)) {
    return sandbox.policies;
  }
  joined->generation = next_generation_++;
  return joined;
}

void Guests::refresh(const std::string& sandbox_id, GuestSandbox& sandbox) {
  // After a restart of this agent a session can be there before its runtime's list is: what is in
  // force in the guest stays until that says what is to be.
  const bool is_known = std::ranges::any_of(sandbox.containers, [](const auto& item) {
    return item.second.claimed || !item.second.adapter.empty();
  });
  // The same where the policies of one are beyond what the guest is known to carry out by now, and
  // what it runs under was an earlier agent's word.
  const bool is_kept = std::ranges::any_of(sandbox.containers, [](const auto& item) {
    return !item.second.problem.empty() && !item.second.claimed;
  });
  if (!is_known || is_kept || is_being_listed(sandbox)) {
    return;
  }
  auto policies = join_policies(sandbox);
  if (!policies) {
    p_.journal.log().error(fmt::format("the guest of sandbox {} keeps the policies that it has: {}",
                                       shown(sandbox_id), policies.error().message));
  } else if (sandbox.policies == nullptr && !sandbox.connected && (*policies)->items.empty()) {
    return;  // nobody has asked
  } else if (*policies != sandbox.policies) {
    sandbox.policies = std::move(*policies);
    tell_policies(sandbox_id);
  }
}

bool Guests::reapply(const std::string& sandbox_id, GuestSandbox& sandbox,
                     GuestContainer& container) {
  const auto who = whole(container);
  auto rules = p_.policies.resolve(who, container.runtime);
  auto degraded = rules ? verdicts_.judge(*rules, sandbox.kernel)
                        : Result<std::vector<std::string>>(std::unexpected(rules.error()));
  if (!degraded) {
    if (container.problem != degraded.error().message) {
      container.problem = degraded.error().message;
      p_.journal.tell(LogLevel::error, "reload",
                      fmt::format("keeps its older policies in the guest of sandbox {}: its "
                                  "policies of now cannot be carried out: {}",
                                  shown(sandbox_id), container.problem),
                      &who);
    }
    return false;
  }
  const bool changed = container.rules != *rules;
  container.rules = std::move(*rules);
  container.degraded = std::move(*degraded);
  container.problem.clear();
  return changed;
}

void Guests::reapply_all(const std::string& sandbox_id, GuestSandbox& sandbox, Reapplied& done) {
  for (auto& [id, container] : sandbox.containers) {
    // Of one that was found running nothing is known until its guest's agent is heard.
    const bool followed = container.claimed || sandbox.session;
    if (followed && (container.state == State::approved || container.state == State::running)) {
      done.switched += reapply(sandbox_id, sandbox, container) ? 1 : 0;
      done.kept += container.problem.empty() ? 0 : 1;
    }
  }
  refresh(sandbox_id, sandbox);
}

Guests::Reapplied Guests::reapply() {
  verdicts_.clear();
  Reapplied done;
  for (auto& [id, sandbox] : sandboxes_) {
    reapply_all(id, sandbox, done);
  }
  return done;
}

}  // namespace usher::agent
