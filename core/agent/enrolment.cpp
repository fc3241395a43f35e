#include "agent/enrolment.hpp"

#include <fmt/format.h>

#include <utility>

#include "agent/mount_namespaces.hpp"
#include "agent/shown.hpp"
#include "base/escape.hpp"
#include "identity/oci_state.hpp"
#include "identity/placement.hpp"

namespace usher::agent {

namespace {

std::string_view stage_word(v1::HookStage stage) {
  switch (stage) {
    case v1::HOOK_STAGE_PRESTART:
      return "prestart";
    case v1::HOOK_STAGE_CREATE_RUNTIME:
      return "createRuntime";
    case v1::HOOK_STAGE_CREATE_CONTAINER:
      return "createContainer";
    case v1::HOOK_STAGE_START_CONTAINER:
      return "startContainer";
    case v1::HOOK_STAGE_POSTSTART:
      return "poststart";
    case v1::HOOK_STAGE_POSTSTOP:
      return "poststop";
    default:
      return "unknown";
  }
}

v1::HookResponse go() {
  v1::HookResponse response;
  response.set_verdict(v1::HookResponse::VERDICT_GO);
  return response;
}

}  // namespace

asio::awaitable<v1::HookResponse> Enrolment::hook(v1::HookRequest request) {
  const auto stage = request.stage();
  const auto state = identity::parse_oci_state(request.state());
  Result<> verdict;
  if (!state) {
    verdict =
        fail_in("the container's state, as its runtime gave it, cannot be read", state.error());
  } else if (stage == v1::HOOK_STAGE_PRESTART || stage == v1::HOOK_STAGE_CREATE_RUNTIME) {
    const auto begun = std::chrono::steady_clock::now();
    verdict = co_await gate(request.runtime(), *state, request.state());
    times_.add(std::chrono::steady_clock::now() - begun, !verdict);
  } else if (stage == v1::HOOK_STAGE_CREATE_CONTAINER || stage == v1::HOOK_STAGE_START_CONTAINER) {
    verdict = confirm(*state);
  } else if (stage == v1::HOOK_STAGE_POSTSTART || stage == v1::HOOK_STAGE_POSTSTOP) {
    if (auto* entry = p_.registry.by_container(state->id)) {
      if (stage == v1::HOOK_STAGE_POSTSTART) {
        const bool is_new = !entry->started;
        begun(*entry);
        if (is_new && p_.started) {
          p_.started(*entry);
        }
      } else {
        p_.gone(entry->workload.slot);
      }
    }
    co_return go();
  } else {
    verdict =
        fail(fmt::format("this usherd knows no hook stage number {}; install the usher-hook "
                         "that came with it",
                         static_cast<int>(stage)));
  }
  if (verdict) {
    co_return go();
  }
  v1::HookResponse response;
  response.set_verdict(v1::HookResponse::VERDICT_REFUSE);
  response.set_message(
      cut(fmt::format("container {} refused at {}: {}", state ? shown(state->id) : "(unknown)",
                      stage_word(stage), verdict.error().message),
          kShownMessage));
  identity::Identity about;
  about.container_id = state ? state->id : "";
  p_.journal.tell(LogLevel::error, "refused", response.message(), &about);
  co_return response;
}

asio::awaitable<Result<>> Enrolment::gate(std::string runtime, identity::OciState state,
                                          std::string raw) {
  if (state.pid <= 0) {
    co_return fail("the state names no pid; the hook must run at createRuntime or prestart");
  }
  auto who = co_await p_.adapters.identify(runtime, state, std::move(raw), p_.identify_deadline);
  if (!who) {
    co_return fail_in(fmt::format("cannot tell who it is by runtime \"{}\"", escape(runtime)),
                      who.error());
  }
  const auto known_as = p_.adapters.runtime_of(*who, runtime);
  const auto admitted = admit(std::move(*who), known_as, state);
  co_return admitted ? Result<>{} : std::unexpected(admitted.error());
}

Result<> Enrolment::confirm(const identity::OciState& state) const {
  const auto* entry = p_.registry.by_container(state.id);
  if (entry == nullptr) {
    return fail(
        "it did not pass the gate at createRuntime; install the hook for createRuntime too "
        "(usherctl runtime verify)");
  }
  if (entry->workload.ended) {
    return fail("its enrolment has ended because its cgroup is gone; start a new container");
  }
  return {};
}

Result<Entry*> Enrolment::enrolled_as(const identity::Identity& who,
                                      const identity::Placement& placement) {
  if (auto* same = p_.registry.by_cgroup(placement.cgroup_id)) {
    if (!same->attributed || same->workload.identity.container_id == who.container_id) {
      return same;
    }
    return fail(fmt::format(
        "its cgroup {} is that of {} (slot {}); every container needs a cgroup "
        "of its own",
        escape(placement.cgroup_path), display_name(same->workload.identity), same->workload.slot));
  }
  const auto* same = p_.registry.by_container(who.container_id);
  if (same == nullptr || same->workload.ended) {
    return nullptr;
  }
  if (p_.locator.exists(same->workload.placement)) {
    return fail(fmt::format("a container of this id runs in cgroup {} (slot {}); end it first",
                            escape(same->workload.placement.cgroup_path), same->workload.slot));
  }
  p_.gone(same->workload.slot);
  return nullptr;
}

Result<Enrolment::Admitted> Enrolment::admit(identity::Identity who, const std::string& runtime,
                                             const identity::OciState& state) {
  if (who.container_id.empty()) {
    who.container_id = state.id;
  } else if (who.container_id != state.id) {
    return fail(fmt::format("runtime \"{}\" calls it {}, its state says {}", escape(runtime),
                            escape(who.container_id), escape(state.id)));
  }
  auto placement = p_.locator.place(state.pid);
  if (!placement) {
    return fail_in("cannot tell where it runs", placement.error());
  }
  return take_in(std::move(who), runtime,
                 {std::move(*placement), [&] { return p_.locator.merged(state); }, true});
}

Result<Enrolment::Admitted> Enrolment::take_in(identity::Identity who, const std::string& runtime,
                                               Found found) {
  auto& placement = found.placement;
  if (placement.cgroup_id == p_.locator.own_cgroup) {
    return fail(
        "it shares the agent's own cgroup, which is never enrolled; give it a cgroup of "
        "its own");
  }
  if (auto joined = p_.sandboxes.join(runtime, who); !joined) {
    return std::unexpected(joined.error());
  }
  if (auto agreed = identity::agrees(who, placement.cgroup_path); !agreed) {
    return std::unexpected(agreed.error());
  }
  const auto known = enrolled_as(who, placement);
  if (!known) {
    return std::unexpected(known.error());
  }
  if (*known != nullptr) {
    auto confirmed = confirm(**known, who, runtime, &found);
    return confirmed ? Result<Admitted>(Admitted::confirmed) : std::unexpected(confirmed.error());
  }
  const auto merged = found.merged();
  if (!merged) {
    return fail_in("cannot read its root", merged.error());
  }
  placement.merged = *merged;
  const auto rules = p_.policies.resolve(who, runtime);
  if (!rules) {
    return fail_in("cannot tell which policies apply", rules.error());
  }
  auto profile = p_.profiles.acquire(*rules, *merged);
  if (!profile) {
    return fail_in("its policies cannot be carried out", profile.error());
  }
  identity::Workload workload;
  workload.runtime = runtime;
  workload.identity = std::move(who);
  workload.placement = std::move(placement);
  workload.enrolled_at = p_.locator.now();
  auto enrolled = enrol(std::move(workload), std::move(*profile), found.awaited);
  return enrolled ? Result<Admitted>(Admitted::enrolled) : std::unexpected(enrolled.error());
}

std::vector<std::string> Enrolment::warnings() const {
  if (record_problem_.empty()) {
    return {};
  }
  return {"no container can be let start, since its record cannot be written: " + record_problem_ +
          "; make room there, or mend it"};
}

void Enrolment::begun(Entry& entry) {
  entry.started = true;
  if (auto told = p_.enforcer.begun(entry.workload.slot); !told) {
    p_.journal.log().warning(told.error().message);
  }
}

Result<> Enrolment::enrol(identity::Workload workload, ProfileHandle profile, bool awaited) {
  const auto cgroup = workload.placement.cgroup_id;
  if (auto claimed = claim_mntns(workload.placement, p_.registry, p_.enforcer, p_.locator);
      !claimed) {
    return claimed;
  }
  // The record first: what is in the kernel must be attributable after a crash at any point.
  const auto written = p_.records.write(workload);
  record_problem_ = written ? "" : written.error().message;
  if (!written) {
    return fail_in("cannot write its record", written.error());
  }
  const auto undo = [&](std::string_view what, const Error& error) -> Result<> {
    if (auto removed = p_.records.remove(cgroup); !removed) {
      p_.journal.log().warning(removed.error().message);
    }
    return fail_in(what, error);
  };
  const auto flags = kernel_flags(workload.identity) | (awaited ? USHER_WORKLOAD_AWAITED : 0);
  const auto slot = p_.enforcer.enrol(workload.placement, profile->index, flags);
  if (!slot) {
    return undo("cannot enrol it in the kernel", slot.error());
  }
  workload.slot = *slot;
  workload.incarnation = p_.enforcer.incarnation(*slot);
  const auto who = workload.identity;
  const auto policies = profile->rules.policies.size();
  auto added = p_.registry.add({std::move(workload), std::move(profile), false, true, {}});
  if (!added) {
    if (auto ended = p_.enforcer.end(*slot); ended) {
      ended = p_.enforcer.forget(*slot);
    }
    return undo("cannot take it into the registry", added.error());
  }
  p_.journal.tell(LogLevel::info, "enrolled",
                  fmt::format("enrolled in slot {}; {} apply", *slot,
                              policies == 1 ? "1 policy" : fmt::format("{} policies", policies)),
                  &who);
  return {};
}

}  // namespace usher::agent
