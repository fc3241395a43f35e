// Enrolment of what an adapter reports, and of containers that are enrolled already.
#include <fmt/format.h>

#include "agent/agreement.hpp"
#include "agent/enrolment.hpp"
#include "agent/reload.hpp"
#include "base/escape.hpp"
#include "identity/cgroup_path.hpp"

namespace usher::agent {

namespace {

// An adapter that names a cgroup and a process outside it has mixed up two containers.
Result<> same_cgroup(const ReportedContainer& container, const identity::Placement& placement) {
  if (container.pid <= 0 || container.cgroup_path.empty()) {
    return {};
  }
  const auto named = identity::expand_cgroups_path(container.cgroup_path);
  if (!named) {
    return std::unexpected(named.error());
  }
  const auto whole = container.running ? identity::whole_container_cgroup(*named)
                                       : identity::container_cgroup(*named);
  if (*named == placement.cgroup_path || whole == placement.cgroup_path) {
    return {};
  }
  return fail(fmt::format(
      "its adapter names cgroup {}, but its process {} is in {}; name one of the two, or both of "
      "one container",
      escape(*named), container.pid, escape(placement.cgroup_path)));
}

// One of the two, of different cgroups, is above the other.
bool is_nested(const std::string& a, const std::string& b) {
  const auto below = [](const std::string& path, const std::string& top) {
    return !top.empty() && path.starts_with(top + '/');
  };
  return below(a, b) || below(b, a);
}

}  // namespace

Result<Enrolment::Admitted> Enrolment::admit(ReportedContainer container) {
  const bool is_gate = !container.running;
  const auto begun = std::chrono::steady_clock::now();
  auto admitted = admit_reported(std::move(container));
  if (is_gate) {
    times_.add(std::chrono::steady_clock::now() - begun, !admitted);
  }
  return admitted;
}

Result<Enrolment::Admitted> Enrolment::admit_reported(ReportedContainer container) {
  auto& who = container.who;
  if (who.container_id.empty()) {
    return fail("its adapter named no container id");
  }
  if (who.host_root) {
    return admit_on_host(std::move(container));
  }
  auto found = locate(container);
  if (found) {
    if (auto same = same_cgroup(container, found->placement); !same) {
      return std::unexpected(std::move(same.error()));
    }
    return take_in(std::move(who), container.runtime, std::move(*found));
  }
  // A container that runs can be beyond telling by now (it shares the host's pid namespace and
  // something was exec'd into it); one that is enrolled need not be told again.
  auto* same = p_.registry.by_container(who.container_id);
  if (!container.running || same == nullptr || same->workload.ended ||
      !p_.locator.exists(same->workload.placement)) {
    return fail_in("cannot tell where it runs", found.error());
  }
  auto confirmed = p_.sandboxes.join(container.runtime, who);
  confirmed = confirmed ? confirm(*same, who, container.runtime, nullptr) : confirmed;
  return confirmed ? Result<Admitted>(Admitted::confirmed) : std::unexpected(confirmed.error());
}

// The runtime's own processes of a sandbox: whose they are is the word of whoever told of the
// sandbox, where they are that of the relay, checked.
Result<Enrolment::Admitted> Enrolment::admit_on_host(ReportedContainer container) {
  const auto id =
      container.who.sandbox_id.empty() ? container.who.container_id : container.who.sandbox_id;
  const auto told = p_.sandboxes.told(id);
  if (!told) {
    return std::unexpected(told.error());
  }
  auto who = *told->identity;
  who.container_id = who.sandbox_id = id;
  who.container_name.clear();
  who.image.clear();
  who.guest = false;
  who.is_sandbox = who.host_root = true;
  auto placement = p_.locator.place_on_host(container.pid, id);
  if (!placement) {
    return fail_in("cannot tell where the sandbox's own processes run", placement.error());
  }
  for (const auto slot : p_.registry.slots()) {
    const auto& other = p_.registry.by_slot(slot)->workload;
    if (!other.ended && is_nested(other.placement.cgroup_path, placement->cgroup_path)) {
      return fail(fmt::format("its cgroup {} lies above or below that of {} (slot {})",
                              escape(placement->cgroup_path), display_name(other.identity), slot));
    }
  }
  return take_in(std::move(who), told->runtime,
                 {std::move(*placement),
                  [this, pid = container.pid] { return p_.locator.merged_on_host(pid); }, false});
}

Result<Enrolment::Found> Enrolment::locate(const ReportedContainer& container) const {
  int pid = container.pid;
  if (pid <= 0 && container.cgroup_path.empty()) {
    return fail("its adapter named neither a pid nor a cgroup");
  }
  if (pid <= 0) {
    const auto process = p_.locator.process_in(container.cgroup_path);
    if (!process) {
      return std::unexpected(process.error());
    }
    pid = *process;
  }
  auto placement = container.running ? p_.locator.place_running(pid) : p_.locator.place(pid);
  if (!placement) {
    return std::unexpected(placement.error());
  }
  return Found{std::move(*placement), [this, pid] { return p_.locator.merged_of(pid); },
               !container.running || container.awaited};
}

Result<> Enrolment::confirm(Entry& entry, const identity::Identity& who, const std::string& runtime,
                            const Found* found) {
  auto& workload = entry.workload;
  const bool anonymous = !entry.attributed;
  auto known = workload.identity;
  if (anonymous) {
    const auto* other = p_.registry.by_container(who.container_id);
    if (other != nullptr && !other->workload.ended) {
      return fail(
          fmt::format("a container of this id is enrolled in slot {}", other->workload.slot));
    }
    // A profile for a root of which it is not known what it merges would have holes.
    const auto merged =
        found != nullptr ? found->merged() : fail("it cannot be told where it runs");
    if (!merged) {
      return fail_in("cannot read its root, so it keeps the profile that it has; restart it",
                     merged.error());
    }
    known = who;
    workload.runtime = runtime;
    workload.placement = found->placement;
    workload.placement.merged = *merged;
  } else if (workload.runtime != runtime) {
    return fail(fmt::format("it was enrolled as one of runtime \"{}\", now \"{}\" claims it",
                            escape(workload.runtime), escape(runtime)));
  } else if (auto same = same_identity(known, who); !same) {
    return same;
  } else if (!learn(known, who)) {
    return {};
  }
  return take_over(entry, std::move(known),
                   anonymous ? "a workload without a record is known again" : "");
}

Result<bool> Enrolment::selected(identity::Identity who, const std::string& runtime) const {
  if (auto joined = p_.sandboxes.join(runtime, who); !joined) {
    return std::unexpected(joined.error());
  }
  const auto rules = p_.policies.resolve(who, runtime);
  if (!rules) {
    return fail_in("cannot tell which policies apply", rules.error());
  }
  return !rules->policies.empty();
}

void Enrolment::learn_from_records(const std::string& runtime) {
  for (const auto slot : p_.registry.slots()) {
    auto& entry = *p_.registry.by_slot(slot);
    const auto& workload = entry.workload;
    auto known = workload.identity;
    const bool lacks = !known.labels_known || known.handler_unknown || known.record_unknown;
    if (!lacks || !entry.attributed || workload.ended || workload.runtime != runtime) {
      continue;
    }
    auto joined = p_.sandboxes.join(runtime, known);
    if (joined && known != workload.identity) {
      joined = take_over(entry, std::move(known), "");
    }
    if (!joined) {
      p_.journal.log().warning("what the runtime's record says of " +
                               display_name(entry.workload.identity) +
                               " is not taken: " + joined.error().message);
    }
  }
}

Result<> Enrolment::take_over(Entry& entry, identity::Identity known, std::string_view why) {
  const auto& workload = entry.workload;
  p_.registry.identify(workload.slot, std::move(known));
  entry.attributed = true;
  if (auto written = p_.records.write(workload); !written) {
    p_.journal.log().warning("what was learned of a workload is not recorded: " +
                             written.error().message);
  }
  p_.journal.tell(LogLevel::info, "identified",
                  why.empty() ? "more is known of it: " + workload.identity.identity_source +
                                    "; labels: " + workload.identity.labels_source
                              : std::string(why),
                  &workload.identity);
  // What was learned can make other policies apply.
  if (auto moved = reapply_to(entry, p_.policies, p_.profiles, p_.enforcer); !moved) {
    entry.problem = moved.error().message;
    return fail_in("its policies cannot be carried out", moved.error());
  }
  return {};
}

}  // namespace usher::agent
