#include "agent/kernel_events.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "agent/journal.hpp"
#include "base/escape.hpp"
#include "identity/cgroup_path.hpp"

namespace usher::agent {

namespace {

struct FlagName {
  std::uint32_t bit;
  const char* name;
};
constexpr std::array kFlags{FlagName{USHER_EVENT_UNKNOWN_FILE, "unknown-file"},
                            FlagName{USHER_EVENT_PATH_CUT, "path-cut"},
                            FlagName{USHER_EVENT_ANONYMOUS, "anonymous"},
                            FlagName{USHER_EVENT_BY_REQUEST, "by-request"},
                            FlagName{USHER_EVENT_SOCKET_TYPE, "socket-type"},
                            FlagName{USHER_EVENT_ARGS_CUT, "args-cut"},
                            FlagName{USHER_EVENT_NODE_AUDIT, "node-audit"}};

void name_rule(std::uint32_t rule, const RuleTable& rules, v1::Event& event) {
  if (const auto* name = rules.name(rule)) {
    event.set_policy(name->policy);
    event.set_rule(name->rule);
  } else if (rule == USHER_RULE_DISAGREE) {
    event.set_rule("(built in: the cgroup and the mount namespace belong to different workloads)");
  } else if (rule == USHER_RULE_SOCKET_TYPE) {
    event.set_rule("(built in: a socket type that cannot be judged)");
  } else if (rule == USHER_RULE_OUR_MAPS) {
    event.set_rule("(built in: the maps of the enforcement are not the workload's)");
  } else if (rule == USHER_RULE_TRACE) {
    event.set_rule("(built in: a process outside every policy is not the workload's to trace)");
  } else if (rule == USHER_RULE_UNENROLLED) {
    event.set_rule("(built in: a pod that nobody enrolled)");
  } else if (rule != USHER_RULE_NONE) {
    event.set_rule(fmt::format("(unknown rule {})", rule));
  }
}

// An entry of an earlier use of the slot is somebody else.
const Entry* owner(std::uint32_t slot, std::uint32_t incarnation, const Registry& registry) {
  const auto* entry = registry.by_slot(slot);
  return entry != nullptr && entry->workload.incarnation == incarnation ? entry : nullptr;
}

void add_socket(const usher_kernel_event& record, v1::Event& event) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (record.family == AF_INET || record.family == AF_INET6) {
    ::inet_ntop(record.family, record.address, text.data(), text.size());
    event.set_address(text.data());
    event.set_port(record.port);
  }
  event.set_protocol(record.protocol == IPPROTO_TCP   ? "tcp"
                     : record.protocol == IPPROTO_UDP ? "udp"
                                                      : std::to_string(record.protocol));
}

void add_arguments(std::string_view args, v1::Event& event) {
  while (!args.empty()) {
    const auto end = std::min(args.find('\0'), args.size());
    event.add_arguments(std::string(args.substr(0, end)));
    args.remove_prefix(std::min(end + 1, args.size()));
  }
}

std::string sentence(const v1::Event& event) {
  return fmt::format("{}: {} {}", event.verdict(), event.operation(),
                     !event.path().empty() ? escape(event.path())
                     : !event.address().empty()
                         ? fmt::format("{} port {}", event.address(), event.port())
                         : "(no name)");
}

}  // namespace

std::string_view operation_word(std::uint32_t kind) {
  constexpr std::array<std::string_view, USHER_KINDS> kWords{"exec", "read", "write", "connect",
                                                             "bind"};
  return kind < kWords.size() ? kWords[kind] : "(unknown)";
}

std::string_view verdict_word(std::uint32_t verdict) {
  constexpr std::array<std::string_view, 5> kWords{"allow", "audit", "would-deny", "deny", "kill"};
  return verdict < kWords.size() ? kWords[verdict] : "(unknown)";
}

std::int64_t boot_offset_ns() {
  const auto read = [](clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  };
  return read(CLOCK_REALTIME) - read(CLOCK_BOOTTIME);
}

v1::Event decode_verdict(const usher_kernel_event& record, const Registry& registry,
                         const RuleTable& rules, std::int64_t boot_offset) {
  v1::Event event;
  event.set_type("verdict");
  event.set_severity(record.verdict >= USHER_WOULD_DENY ? "warning" : "info");
  event.set_time_ns(static_cast<std::int64_t>(record.time_ns) + boot_offset);
  if (const auto* entry = owner(record.workload, record.incarnation, registry)) {
    describe(entry->workload.identity, event);
  }
  name_rule(record.rule, rules, event);
  event.set_operation(std::string(operation_word(record.kind)));
  event.set_verdict(std::string(verdict_word(record.verdict)));
  // Lengths were checked against the record's size by the enforcer; the array is the last bound.
  const std::size_t path = std::min<std::size_t>(record.path_len, sizeof record.data);
  const std::size_t args = std::min<std::size_t>(record.args_len, sizeof record.data - path);
  event.set_path(std::string(record.data, path));
  if (record.rule != USHER_RULE_UNENROLLED) {
    add_arguments({record.data + path, args}, event);
  }
  if (record.kind == USHER_CONNECT || record.kind == USHER_BIND) {
    add_socket(record, event);
  }
  event.set_pid(record.pid);
  event.set_parent_pid(record.ppid);
  event.set_uid(record.uid);
  event.set_program(std::string(record.comm, ::strnlen(record.comm, sizeof record.comm)));
  event.set_suppressed(record.suppressed);
  for (const auto& flag : kFlags) {
    if ((record.flags & flag.bit) != 0) {
      event.add_flags(flag.name);
    }
  }
  event.set_message(sentence(event));
  return event;
}

void name_by_cgroup(const usher_kernel_event& record, std::string cgroup, v1::Event& event) {
  const bool unenrolled = record.rule == USHER_RULE_UNENROLLED;
  if (cgroup.empty() && unenrolled) {
    const std::size_t path = std::min<std::size_t>(record.path_len, sizeof record.data);
    const std::size_t names = std::min<std::size_t>(record.args_len, sizeof record.data - path);
    cgroup = "/" + std::string(record.data + path, names);
    std::ranges::replace(cgroup, '\0', '/');
    cgroup.resize(cgroup.find_last_not_of('/') + 1);
  }
  const auto owner = identity::owner_of(cgroup);
  event.set_pod_uid(owner.pod_uid);
  event.set_container_id(owner.container_id);
  event.set_message(fmt::format("{} {}, in cgroup {}", event.message(),
                                unenrolled ? "in a pod that nobody enrolled"
                                           : "by a pause program of a pod that nobody enrolled",
                                cgroup.empty() ? "(gone)" : escape(cgroup)));
}

v1::Event suppressed_event(std::uint32_t workload, std::uint32_t rule, std::uint64_t count,
                           const Registry& registry, const RuleTable& rules) {
  v1::Event event;
  event.set_type("suppressed");
  event.set_severity("warning");
  if (const auto* entry = registry.by_slot(workload)) {
    describe(entry->workload.identity, event);
  }
  name_rule(rule, rules, event);
  event.set_suppressed(count);
  event.set_message("events of this workload and rule were held back by the rate limit");
  return event;
}

}  // namespace usher::agent
