#include "agent/service.hpp"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "agent/explain.hpp"
#include "agent/render.hpp"
#include "agent/unenrolled.hpp"
#include "base/escape.hpp"
#include "base/fd.hpp"

namespace usher::agent {

namespace {

const char* mode_word(bool audit) {
  return audit ? "audit" : "enforce";
}

constexpr std::array kCounters{"events_dropped", "rate_table_full", "storage_failed",
                               "files_unknown",  "armed",           "disagreed",
                               "unenrolled",     "pause_programs"};
static_assert(kCounters.size() == USHER_COUNTERS);

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

}  // namespace

asio::awaitable<v1::HookResponse> Service::hook(v1::HookRequest request) {
  return p_.enrolment.hook(std::move(request));
}

asio::awaitable<v1::HookResponse> Service::notice(api::ContainerNotice notice) {
  return p_.enrolment.notice(std::move(notice), p_.noticed_runtime);
}

v1::Status Service::status() {
  v1::Status out;
  out.set_version(USHER_VERSION);
  out.set_pid(::getpid());
  out.set_started_at(p_.started_at);
  out.set_backend(std::string(enforce::word(p_.enforcer.backend())));
  out.set_mode(mode_word(p_.enforcer.audit()));
  out.set_kernel(kernel_release());
  out.set_workloads(p_.registry.size());
  out.set_policies(p_.store.set().policies.size());
  out.set_profiles(p_.profiles.size());
  out.set_policies_current(p_.store.current());
  for (const auto& error : p_.store.errors()) {
    out.add_policy_errors(error);
  }
  for (const auto& warning : p_.warnings()) {
    out.add_warnings(warning);
  }
  const auto counters = p_.enforcer.counters();
  for (std::size_t i = 0; i < std::min(counters.size(), kCounters.size()); ++i) {
    (*out.mutable_counters())[kCounters[i]] = counters[i];
  }
  (*out.mutable_counters())["found_running"] = p_.found_running();
  out.set_arena_cells_used(p_.enforcer.cells_used());
  out.set_arena_cells(USHER_ARENA_CELLS);
  out.set_adopted(p_.adopted);
  out.set_unenrolled(std::string(unenrolled_word(p_.enforcer.unenrolled())));
  const auto gates = p_.enrolment.times();
  for (const auto& [id, sandbox] : p_.guests.sandboxes()) {
    *out.add_guests() = render(sandbox, p_.guests.whole(id));
  }
  out.set_gates(gates.gates);
  out.set_gates_refused(gates.refused);
  out.set_gate_p50_us(static_cast<std::uint64_t>(gates.p50.count()));
  out.set_gate_p99_us(static_cast<std::uint64_t>(gates.p99.count()));
  out.set_gate_longest_us(static_cast<std::uint64_t>(gates.longest.count()));
  return out;
}

v1::ListWorkloadsResponse Service::workloads() {
  v1::ListWorkloadsResponse out;
  for (const auto slot : p_.registry.slots()) {
    *out.add_workloads() = render(*p_.registry.by_slot(slot));
  }
  for (const auto& [id, sandbox] : p_.guests.sandboxes()) {
    for (const auto& [container_id, container] : sandbox.containers) {
      *out.add_workloads() = render(sandbox, container, p_.guests.whole(container));
    }
  }
  return out;
}

v1::ListPoliciesResponse Service::policies() {
  std::map<std::string, std::uint32_t> users;
  std::map<std::string, bool> degraded;
  for (const auto slot : p_.registry.slots()) {
    const auto& profile = *p_.registry.by_slot(slot)->profile;
    for (const auto& policy : profile.rules.policies) {
      ++users[policy->name];
    }
    for (const auto& name : profile.degraded) {
      degraded[name] = true;
    }
  }
  for (const auto& [id, sandbox] : p_.guests.sandboxes()) {
    for (const auto& [container_id, container] : sandbox.containers) {
      for (const auto& policy : container.rules.policies) {
        ++users[policy->name];
      }
      for (const auto& name : container.degraded) {
        degraded[name] = true;
      }
    }
  }
  v1::ListPoliciesResponse out;
  for (const auto& item : p_.store.items()) {
    auto* policy = out.add_policies();
    *policy = render(item);
    policy->set_workloads(users[policy->name()]);
    if (item.state == PolicyStore::State::current && degraded[policy->name()]) {
      policy->set_state("degraded");
    }
  }
  return out;
}

v1::ListAdaptersResponse Service::adapters() {
  v1::ListAdaptersResponse out;
  for (const auto& info : p_.adapters.adapters()) {
    *out.add_adapters() = render(info);
  }
  return out;
}

Result<v1::ExplainResponse> Service::explain(const v1::ExplainRequest& request) {
  auto on_host = agent::explain(request, p_.registry, p_.rules, p_.enforcer);
  if (on_host || on_host.error().code != ENOENT) {
    return on_host;
  }
  const auto place = p_.guests.find(request.workload());
  if (!place) {
    return place.error().code == ENOENT ? on_host : std::unexpected(place.error());
  }
  return agent::explain(request, *place->sandbox, *place->container);
}

std::unique_ptr<api::EventSubscription> Service::subscribe(std::uint32_t history, bool follow) {
  return p_.hub.subscribe(history, follow);
}

Result<v1::SetModeResponse> Service::set_mode(const std::string& mode) {
  if (mode != "enforce" && mode != "audit") {
    return fail(fmt::format("mode \"{}\": expected enforce or audit", escape(mode)), EINVAL);
  }
  v1::SetModeResponse out;
  out.set_previous(mode_word(p_.enforcer.audit()));
  if (auto set = p_.enforcer.set_audit(mode == "audit"); !set) {
    return std::unexpected(set.error());
  }
  p_.journal.tell(LogLevel::warning, "mode",
                  fmt::format("the node's mode is {} now, it was {}", mode, out.previous()));
  return out;
}

Result<v1::ReleaseResponse> Service::release(const std::string& workload) {
  const auto slot = p_.registry.find(workload);
  if (!slot) {
    return std::unexpected(slot.error().code == ENOENT
                               ? p_.guests.why_not_released(workload, slot.error())
                               : slot.error());
  }
  if (auto released = p_.enforcer.release(*slot); !released) {
    return std::unexpected(released.error());
  }
  auto& entry = *p_.registry.by_slot(*slot);
  entry.workload.released = true;
  if (entry.attributed) {
    if (auto written = p_.records.write(entry.workload); !written) {
      p_.journal.log().warning("the release is in force but is not recorded: " +
                               written.error().message);
    }
  }
  p_.journal.tell(LogLevel::warning, "released", "released by an operator: nothing is judged",
                  &entry.workload.identity);
  v1::ReleaseResponse out;
  *out.mutable_workload() = render(entry);
  return out;
}

v1::ReloadResponse Service::reload() {
  p_.reload();
  v1::ReloadResponse out;
  out.set_current(p_.store.current());
  for (const auto& error : p_.store.errors()) {
    out.add_errors(error);
  }
  for (const auto& warning : p_.store.warnings()) {
    out.add_warnings(warning);
  }
  return out;
}

bool Service::is_workload(std::uint32_t pid) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto workload = process ? p_.enforcer.workload_of(process.get())
                                : Result<std::uint32_t>(fail_system("pidfd_open"));
  // Who cannot be looked up is not let in.
  return !workload || *workload != 0;
}

}  // namespace usher::agent
