#include "agent/render.hpp"

#include <algorithm>

namespace usher::agent {

namespace {

const char* state_word(const Entry& entry) {
  return entry.workload.ended      ? "ended"
         : entry.workload.released ? "released"
         : entry.started           ? "running"
                                   : "created";
}

const char* state_word(const GuestContainer& container) {
  switch (container.state) {
    case GuestContainer::State::created:
      return "created";
    case GuestContainer::State::approved:
      return "approved";
    case GuestContainer::State::running:
      return "running";
    case GuestContainer::State::ended:
      return "ended";
  }
  return "";
}

v1::Workload rendered(const identity::Identity& who) {
  v1::Workload out;
  out.set_pod_namespace(who.pod_namespace);
  out.set_pod_name(who.pod_name);
  out.set_pod_uid(who.pod_uid);
  out.set_container_name(who.container_name);
  out.set_container_id(who.container_id);
  out.set_sandbox_id(who.sandbox_id);
  out.set_image(who.image);
  out.set_runtime_handler(who.runtime_handler);
  for (const auto& [key, value] : who.pod_labels) {
    auto* label = out.add_labels();
    label->set_key(key);
    label->set_value(value);
  }
  out.set_labels_known(who.labels_known);
  out.set_is_sandbox(who.is_sandbox);
  out.set_identity_source(who.identity_source);
  out.set_labels_source(who.labels_source);
  return out;
}

void add_policies(const Entry& entry, v1::Workload& out) {
  for (const auto& policy : entry.profile->rules.policies) {
    out.add_policies(policy->name);
    const bool degraded =
        std::ranges::find(entry.profile->degraded, policy->name) != entry.profile->degraded.end();
    if (policy->mode == policy::Mode::audit || degraded) {
      out.add_audited(policy->name);
    } else if (!entry.workload.released) {
      out.add_enforced(policy->name);
    }
  }
}

}  // namespace

v1::Workload render(const Entry& entry) {
  const auto& workload = entry.workload;
  const auto& who = workload.identity;
  auto out = rendered(who);
  out.set_slot(workload.slot);
  out.set_runtime(workload.runtime);
  out.set_identity_source(entry.attributed ? who.identity_source : "none: the record was lost");
  out.set_cgroup_path(workload.placement.cgroup_path);
  out.set_cgroup_id(workload.placement.cgroup_id);
  out.set_mntns(workload.placement.mntns);
  out.set_profile(entry.profile->index);
  add_policies(entry, out);
  out.set_state(state_word(entry));
  out.set_enrolled_at(workload.enrolled_at);
  out.set_host_root(who.host_root);
  return out;
}

v1::Workload render(const GuestSandbox& sandbox, const GuestContainer& container,
                    const identity::Identity& who) {
  auto out = rendered(who);
  out.set_runtime(container.runtime);
  out.set_state(state_word(container));
  out.set_guest(true);
  out.set_guest_backend(sandbox.kernel.backend);
  for (const auto& policy : container.rules.policies) {
    out.add_policies(policy->name);
    if (sandbox.kernel.backend == "none") {
      out.add_unenforced(policy->name);
    } else if (policy->mode == policy::Mode::audit ||
               std::ranges::find(container.degraded, policy->name) != container.degraded.end()) {
      out.add_audited(policy->name);
    } else {
      out.add_enforced(policy->name);
    }
  }
  return out;
}

v1::Guest render(const GuestSandbox& sandbox, const identity::Identity& who) {
  v1::Guest out;
  out.set_sandbox_id(who.sandbox_id);
  out.set_pod_namespace(who.pod_namespace);
  out.set_pod_name(who.pod_name);
  out.set_containers(static_cast<std::uint32_t>(sandbox.containers.size()));
  out.set_session(!sandbox.session                              ? "none"
                  : sandbox.connected && !sandbox.session->away ? "connected"
                                                                : "lost");
  out.set_backend(sandbox.kernel.backend);
  out.set_generation(sandbox.policies == nullptr ? 0 : sandbox.policies->generation);
  if (sandbox.session) {
    out.set_kernel(sandbox.session->kernel);
    out.set_version(sandbox.session->version);
    out.set_trouble(sandbox.session->trouble);
    out.set_problem(sandbox.session->problem);
    out.set_applied(sandbox.session->applied);
  }
  return out;
}

v1::Policy render(const PolicyStore::Item& item) {
  v1::Policy out;
  out.set_file(item.file);
  out.set_error(item.error);
  out.set_state(item.state == PolicyStore::State::current     ? "current"
                : item.state == PolicyStore::State::last_good ? "last-good"
                                                              : "refused");
  if (item.policy) {
    out.set_name(item.policy->name);
    out.set_mode(item.policy->mode == policy::Mode::audit ? "audit" : "enforce");
    out.set_ceiling(item.policy->ceiling);
    out.set_rules(static_cast<std::uint32_t>(item.policy->rules.size()));
  }
  return out;
}

v1::Adapter render(const adapter::AdapterInfo& info) {
  using State = adapter::AdapterInfo::State;
  v1::Adapter out;
  out.set_name(info.name);
  out.set_version(info.version);
  out.set_path(info.path.string());
  out.set_state(info.state == State::running      ? "running"
                : info.state == State::not_chosen ? "not chosen"
                : info.state == State::stopped    ? "stopped"
                                                  : "failed");
  out.set_reason(info.reason);
  for (const auto& runtime : info.runtimes) {
    out.add_runtimes(runtime);
  }
  out.set_selection(info.selection);
  out.set_health(info.health);
  out.mutable_counters()->insert(info.counters.begin(), info.counters.end());
  return out;
}

}  // namespace usher::agent
