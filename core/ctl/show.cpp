#include "ctl/show.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace usher::ctl {
namespace {

template <class Range>
Json list(const Range& values) {
  Json out = Json::array();
  for (const auto& value : values) {
    out.push_back(escape(value));
  }
  return out;
}

std::string formatted(const std::tm& time, const char* format) {
  std::array<char, 64> text{};
  const auto length = std::strftime(text.data(), text.size(), format, &time);
  return {text.data(), length};
}

std::string utc(std::int64_t nanoseconds) {
  const std::time_t seconds = nanoseconds / 1'000'000'000;
  std::tm time{};
  ::gmtime_r(&seconds, &time);
  return formatted(time, "%Y-%m-%dT%H:%M:%S") +
         fmt::format(".{:06}Z", nanoseconds % 1'000'000'000 / 1000);
}

std::string name_of(const std::string& pod_namespace, const std::string& pod,
                    const std::string& container, const std::string& id) {
  if (pod_namespace.empty() && pod.empty()) {
    return short_id(id);
  }
  return escape(pod_namespace) + "/" + escape(pod) +
         (container.empty() ? "" : "/" + escape(container));
}

// What the operation was about: a path, or an address.
std::string object_of(const v1::Event& event) {
  if (!event.path().empty()) {
    return escape(event.path());
  }
  if (event.address().empty()) {
    return {};
  }
  const bool v6 = event.address().find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}{}{}", v6 ? "[" : "", escape(event.address()), v6 ? "]" : "",
                     event.port(), event.protocol().empty() ? "" : "/", escape(event.protocol()));
}

}  // namespace

std::string sentence(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\\', at), text.size());
    out += (at == 0 ? "" : "\\") + escape(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string short_id(const std::string& id) {
  return escape(id.substr(0, 12));
}

std::string local_time(std::int64_t seconds) {
  if (seconds == 0) {
    return "-";
  }
  const std::time_t time = seconds;
  std::tm local{};
  ::localtime_r(&time, &local);
  return formatted(local, "%Y-%m-%d %H:%M:%S");
}

std::string workload_name(const v1::Workload& workload) {
  return name_of(workload.pod_namespace(), workload.pod_name(), workload.container_name(),
                 workload.container_id());
}

std::string workload_name(const v1::Event& event) {
  return name_of(event.pod_namespace(), event.pod_name(), event.container_name(),
                 event.container_id());
}

Colour colour_of_verdict(const std::string& verdict) {
  if (verdict == "deny" || verdict == "kill") {
    return Colour::red;
  }
  return verdict == "audit" || verdict == "would-deny" ? Colour::yellow : Colour::green;
}

Json to_json(const v1::Status& status) {
  Json counters = Json::object();
  for (const auto& [name, value] : status.counters()) {
    counters[escape(name)] = value;
  }
  Json guests = Json::array();
  for (const auto& guest : status.guests()) {
    guests.push_back(to_json(guest));
  }
  return {{"version", escape(status.version())},
          {"pid", status.pid()},
          {"started_at", status.started_at()},
          {"backend", escape(status.backend())},
          {"mode", escape(status.mode())},
          {"kernel", escape(status.kernel())},
          {"unenrolled", escape(status.unenrolled())},
          {"workloads", status.workloads()},
          {"adopted", status.adopted()},
          {"policies", status.policies()},
          {"profiles", status.profiles()},
          {"policies_current", status.policies_current()},
          {"policy_errors", list(status.policy_errors())},
          {"warnings", list(status.warnings())},
          {"arena_cells_used", status.arena_cells_used()},
          {"arena_cells", status.arena_cells()},
          {"gates", status.gates()},
          {"gates_refused", status.gates_refused()},
          {"gate_p50_us", status.gate_p50_us()},
          {"gate_p99_us", status.gate_p99_us()},
          {"gate_longest_us", status.gate_longest_us()},
          {"guests", std::move(guests)},
          {"counters", std::move(counters)}};
}

Json to_json(const v1::Workload& workload) {
  Json labels = Json::object();
  for (const auto& label : workload.labels()) {
    labels[escape(label.key())] = escape(label.value());
  }
  return {{"slot", workload.slot()},
          {"namespace", escape(workload.pod_namespace())},
          {"pod", escape(workload.pod_name())},
          {"container", escape(workload.container_name())},
          {"container_id", escape(workload.container_id())},
          {"pod_uid", escape(workload.pod_uid())},
          {"sandbox_id", escape(workload.sandbox_id())},
          {"is_sandbox", workload.is_sandbox()},
          {"image", escape(workload.image())},
          {"runtime", escape(workload.runtime())},
          {"runtime_handler", escape(workload.runtime_handler())},
          {"labels", std::move(labels)},
          {"labels_known", workload.labels_known()},
          {"identity_source", escape(workload.identity_source())},
          {"labels_source", escape(workload.labels_source())},
          {"cgroup", escape(workload.cgroup_path())},
          {"cgroup_id", workload.cgroup_id()},
          {"mntns", workload.mntns()},
          {"profile", workload.profile()},
          {"policies", list(workload.policies())},
          {"enforced", list(workload.enforced())},
          {"audited", list(workload.audited())},
          {"state", escape(workload.state())},
          {"enrolled_at", workload.enrolled_at()},
          {"guest", workload.guest()},
          {"guest_backend", escape(workload.guest_backend())},
          {"unenforced", list(workload.unenforced())},
          {"host_root", workload.host_root()}};
}

Json to_json(const v1::Policy& policy) {
  return {{"name", escape(policy.name())},   {"file", escape(policy.file())},
          {"mode", escape(policy.mode())},   {"ceiling", policy.ceiling()},
          {"rules", policy.rules()},         {"workloads", policy.workloads()},
          {"state", escape(policy.state())}, {"error", escape(policy.error())}};
}

Json to_json(const v1::Adapter& adapter) {
  Json counters = Json::object();
  for (const auto& [name, value] : std::map(adapter.counters().begin(), adapter.counters().end())) {
    counters[escape(name)] = value;
  }
  return {{"name", escape(adapter.name())},           {"version", escape(adapter.version())},
          {"path", escape(adapter.path())},           {"state", escape(adapter.state())},
          {"reason", escape(adapter.reason())},       {"runtimes", list(adapter.runtimes())},
          {"selection", escape(adapter.selection())}, {"health", escape(adapter.health())},
          {"counters", std::move(counters)}};
}

Json to_json(const v1::ExplainResponse& answer) {
  return {{"verdict", escape(answer.verdict())},
          {"policy", escape(answer.policy())},
          {"rule", escape(answer.rule())},
          {"notes", list(answer.notes())}};
}

Json to_json(const v1::ReloadResponse& answer) {
  return {{"current", answer.current()},
          {"errors", list(answer.errors())},
          {"warnings", list(answer.warnings())}};
}

Json to_json(const v1::Event& event) {
  return {{"time", utc(event.time_ns())},
          {"time_ns", event.time_ns()},
          {"type", escape(event.type())},
          {"severity", escape(event.severity())},
          {"namespace", escape(event.pod_namespace())},
          {"pod", escape(event.pod_name())},
          {"container", escape(event.container_name())},
          {"container_id", escape(event.container_id())},
          {"pod_uid", escape(event.pod_uid())},
          {"image", escape(event.image())},
          {"policy", escape(event.policy())},
          {"rule", escape(event.rule())},
          {"operation", escape(event.operation())},
          {"verdict", escape(event.verdict())},
          {"path", escape(event.path())},
          {"address", escape(event.address())},
          {"port", event.port()},
          {"protocol", escape(event.protocol())},
          {"pid", event.pid()},
          {"parent_pid", event.parent_pid()},
          {"uid", event.uid()},
          {"program", escape(event.program())},
          {"arguments", list(event.arguments())},
          {"suppressed", event.suppressed()},
          {"flags", list(event.flags())},
          {"message", sentence(event.message())}};
}

std::string event_line(const v1::Event& event, const Terminal& terminal) {
  const std::time_t seconds = event.time_ns() / 1'000'000'000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::string line = terminal.paint(
      Colour::faint, formatted(local, "%H:%M:%S") +
                         fmt::format(".{:03}", event.time_ns() % 1'000'000'000 / 1'000'000));
  const bool verdict = !event.verdict().empty();
  const std::string what = escape(verdict ? event.verdict() : event.type());
  Colour colour = Colour::none;
  if (verdict) {
    colour = colour_of_verdict(event.verdict());
  } else if (event.severity() == "warning") {
    colour = Colour::yellow;
  } else if (event.severity() == "error") {
    colour = Colour::red;
  }
  line += " " + terminal.paint(colour, fmt::format("{:<10}", what));
  if (!event.operation().empty()) {
    line += " " + escape(event.operation()) + " " + object_of(event);
  }
  if (const auto who = workload_name(event); !who.empty()) {
    line += "  " + terminal.paint(Colour::bold, who);
  }
  if (!event.policy().empty() || !event.rule().empty()) {
    line += "  policy " + escape(event.policy()) + " rule " + escape(event.rule());
  }
  if (event.pid() != 0) {
    line += fmt::format("  pid {} ({})", event.pid(), escape(event.program()));
  }
  if (!event.message().empty()) {
    line += "  " + sentence(event.message());
  }
  if (event.suppressed() != 0) {
    line += terminal.paint(Colour::yellow, fmt::format("  +{} suppressed", event.suppressed()));
  }
  if (!event.flags().empty()) {
    line += "  [" + joined(event.flags()) + "]";
  }
  return line;
}

std::string text_of(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace usher::ctl
