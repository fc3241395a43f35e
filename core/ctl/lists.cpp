// status, workloads, policies list, adapters.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ctl/agent_commands.hpp"
#include "ctl/show.hpp"

namespace usher::ctl {
namespace {

template <class Messages>
void print_list(const Terminal& terminal, const char* key, const Messages& messages) {
  Json list = Json::array();
  for (const auto& message : messages) {
    list.push_back(to_json(message));
  }
  terminal.out << text_of(Json{{key, std::move(list)}}) << '\n';
}

std::uint64_t count_of(const v1::Adapter& adapter, const std::string& name) {
  const auto at = adapter.counters().find(name);
  return at == adapter.counters().end() ? 0 : at->second;
}

// What an adapter did wrong: every count but those of what it may do.
std::string broken_rules(const v1::Adapter& adapter) {
  static constexpr std::string_view kAllowed[] = {"events", "gates", "gates_timed_out",
                                                  "refused_busy", "log_lines_dropped"};
  std::string out;
  for (const auto& [name, value] : std::map(adapter.counters().begin(), adapter.counters().end())) {
    if (value != 0 && std::ranges::find(kAllowed, name) == std::end(kAllowed)) {
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", escape(name), value);
    }
  }
  return out.empty() ? "-" : out;
}

Colour colour_of_state(const std::string& state) {
  if (state == "failed" || state == "refused") {
    return Colour::red;
  }
  return state == "current" || state == "running" ? Colour::green : Colour::yellow;
}

}  // namespace

int report(const Terminal& terminal, const api::CallError& error) {
  using Kind = api::CallError::Kind;
  switch (error.kind) {
    case Kind::unreachable:
    case Kind::timeout:
      return terminal.fail(kUnreachable, error.message);
    case Kind::bad_input:
      return terminal.fail(kUsage, error.message);
    case Kind::refused:
      break;
  }
  return terminal.fail(kFailed, error.message);
}

int show_status(api::Client& client, const Terminal& terminal) {
  const auto answer = client.status();
  if (!answer) {
    return report(terminal, answer.error());
  }
  const auto& status = *answer;
  if (terminal.json) {
    terminal.out << text_of(to_json(status)) << '\n';
    return kOk;
  }
  auto& out = terminal.out;
  out << fmt::format("usherd {} (pid {}) since {}, kernel {}\n", escape(status.version()),
                     status.pid(), local_time(status.started_at()), escape(status.kernel()));
  const auto& counted = status.counters();
  const auto met = counted.find("unenrolled");
  out << fmt::format("backend {}, mode {}, unenrolled pods: {}{}\n", escape(status.backend()),
                     terminal.paint(status.mode() == "enforce" ? Colour::green : Colour::yellow,
                                    escape(status.mode())),
                     escape(status.unenrolled()),
                     met == counted.end() || met->second == 0
                         ? ""
                         : fmt::format(" (met by {} programs)", met->second));
  out << fmt::format("{} workloads ({} adopted), {} policies, {} profiles, arena {}/{} cells\n",
                     status.workloads(), status.adopted(), status.policies(), status.profiles(),
                     status.arena_cells_used(), status.arena_cells());
  if (status.gates() != 0) {
    out << fmt::format(
        "{} gates answered, {} refused; lately {} µs at p50, {} at p99, {} longest\n",
        status.gates(), status.gates_refused(), status.gate_p50_us(), status.gate_p99_us(),
        status.gate_longest_us());
  }
  std::string counters;
  for (const auto& [name, value] : std::map(status.counters().begin(), status.counters().end())) {
    if (value != 0) {
      counters += fmt::format("{}{} {}", counters.empty() ? "" : ", ", escape(name), value);
    }
  }
  if (!counters.empty()) {
    out << "counters: " << counters << '\n';
  }
  if (!status.policies_current()) {
    out << terminal.paint(Colour::red,
                          "the policy files have errors: the last good ones are in force")
        << '\n';
  }
  for (const auto& error : status.policy_errors()) {
    out << "  " << sentence(error) << '\n';
  }
  for (const auto& warning : status.warnings()) {
    out << terminal.paint(Colour::yellow, "warning: ") << sentence(warning) << '\n';
  }
  return kOk;
}

int show_workloads(api::Client& client, const Terminal& terminal) {
  const auto answer = client.workloads();
  if (!answer) {
    return report(terminal, answer.error());
  }
  if (terminal.json) {
    print_list(terminal, "workloads", answer->workloads());
    return kOk;
  }
  if (answer->workloads().empty()) {
    terminal.out << "no workloads are enrolled\n";
    return kOk;
  }
  Table table({"WORKLOAD", "ID", "RUNTIME", "STATE", "ENFORCED", "AUDITED", "IDENTITY FROM",
               "LABELS FROM"});
  for (const auto& workload : answer->workloads()) {
    table.add({workload_name(workload), short_id(workload.container_id()),
               escape(workload.runtime()),
               Cell(escape(workload.state()), colour_of_state(workload.state())),
               joined(workload.enforced()), Cell(joined(workload.audited()), Colour::yellow),
               escape(workload.identity_source()),
               workload.labels_known() ? escape(workload.labels_source()) : "not known"});
  }
  table.print(terminal);
  return kOk;
}

int show_policies(api::Client& client, const Terminal& terminal) {
  const auto answer = client.policies();
  if (!answer) {
    return report(terminal, answer.error());
  }
  if (terminal.json) {
    print_list(terminal, "policies", answer->policies());
    return kOk;
  }
  if (answer->policies().empty()) {
    terminal.out << "no policies are in force\n";
    return kOk;
  }
  Table table({"POLICY", "MODE", "RULES", "WORKLOADS", "STATE", "FILE", "NOTE"});
  for (const auto& policy : answer->policies()) {
    const std::string mode = escape(policy.mode()) + (policy.ceiling() ? ", ceiling" : "");
    table.add({escape(policy.name()), mode, std::to_string(policy.rules()),
               std::to_string(policy.workloads()),
               Cell(escape(policy.state()), colour_of_state(policy.state())), escape(policy.file()),
               sentence(policy.error())});
  }
  table.print(terminal);
  return kOk;
}

int show_adapters(api::Client& client, const Terminal& terminal) {
  const auto answer = client.adapters();
  if (!answer) {
    return report(terminal, answer.error());
  }
  if (terminal.json) {
    print_list(terminal, "adapters", answer->adapters());
    return kOk;
  }
  if (answer->adapters().empty()) {
    terminal.out << "no adapters were found: [adapters] directory in usher.toml says where they "
                    "are looked for\n";
    return kOk;
  }
  Table table({"ADAPTER", "VERSION", "STATE", "RUNTIMES", "WHY", "EVENTS", "BROKEN RULES", "FILE"});
  for (const auto& adapter : answer->adapters()) {
    const bool well = adapter.health().empty() || adapter.health() == "healthy";
    const std::string state = adapter.state() + (well ? "" : ", " + adapter.health());
    const std::string why = adapter.state() == "running" && !adapter.reason().empty()
                                ? adapter.selection() + "; " + adapter.reason()
                            : adapter.state() == "not chosen" || adapter.state() == "running"
                                ? adapter.selection()
                                : adapter.reason();
    const auto broken = broken_rules(adapter);
    table.add({escape(adapter.name()), escape(adapter.version()),
               Cell(escape(state), colour_of_state(state)), joined(adapter.runtimes()),
               sentence(why), std::to_string(count_of(adapter, "events")),
               Cell(broken, broken == "-" ? Colour::none : Colour::red), escape(adapter.path())});
  }
  table.print(terminal);
  return kOk;
}

}  // namespace usher::ctl
