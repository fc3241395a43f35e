#include "agent/explain.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <charconv>

#include "agent/kernel_events.hpp"
#include "agent/unenrolled.hpp"
#include "base/escape.hpp"
#include "policy/address.hpp"
#include "policy/explain.hpp"

namespace usher::agent {

namespace {

Result<policy::Operation> parse_operation(const std::string& word) {
  for (std::uint32_t kind = 0; kind < USHER_KINDS; ++kind) {
    if (word == operation_word(kind)) {
      return static_cast<policy::Operation>(kind);
    }
  }
  return fail(
      fmt::format("operation \"{}\": expected exec, read, write, connect or bind", escape(word)));
}

// ADDRESS:PORT, [ADDRESS]:PORT.
Result<> parse_endpoint(std::string_view text, policy::Query& query) {
  const auto wanted = [&] {
    return fail(fmt::format("\"{}\": expected ADDRESS:PORT, such as 10.0.0.1:443 or [fd00::1]:443",
                            escape(text)));
  };
  const auto colon = text.rfind(':');
  if (colon == text.npos) {
    return wanted();
  }
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), query.port);
  const auto address = policy::parse_address_block(host);
  if (problem != std::errc() || end != port.data() + port.size() || !address ||
      host.find('/') != host.npos) {
    return wanted();
  }
  query.address = policy::normalised(*address, query.on == policy::Operation::connect);
  return {};
}

Result<> absolute(std::string_view what, const std::string& path) {
  if (!path.empty() && path.front() != '/') {
    return fail(fmt::format("{} \"{}\": expected an absolute path, as the container sees it", what,
                            escape(path)));
  }
  return {};
}

void add_notes(const Entry& entry, const enforce::Enforcer& enforcer, v1::ExplainResponse& out) {
  if (entry.workload.released) {
    out.add_notes("this workload was released: nothing is judged");
  }
  if (enforcer.audit()) {
    out.add_notes("the node is in audit mode: nothing is denied, what would be is reported");
  }
  if (entry.profile->adopted) {
    out.add_notes(
        "its profile was loaded by an earlier agent; rules are named where they are known");
  }
  if (!entry.problem.empty()) {
    out.add_notes("an older profile is in force: " + entry.problem);
  }
}

// For a container in a pod that nobody enrolled.
v1::ExplainResponse explain_unenrolled(policy::Operation on, const enforce::Enforcer& enforcer) {
  const auto answer = enforcer.unenrolled();
  const bool judged = on == policy::Operation::exec && answer != USHER_UNENROLLED_ALLOW;
  const bool denied = answer == USHER_UNENROLLED_DENY && !enforcer.audit();
  v1::ExplainResponse out;
  out.set_verdict(std::string(verdict_word(!judged  ? USHER_ALLOWED
                                           : denied ? USHER_DENIED
                                                    : USHER_WOULD_DENY)));
  out.add_notes(
      fmt::format("unenrolled = \"{}\" is in force; of pods that nobody enrolled only "
                  "exec is judged: no program of theirs begins under \"deny\"",
                  unenrolled_word(answer)));
  if (answer != USHER_UNENROLLED_ALLOW) {
    out.add_notes(
        "the programs that pause_programs names begin, and may neither exec nor write, connect or "
        "bind then");
  }
  if (enforcer.audit()) {
    out.add_notes("the node is in audit mode: nothing is denied, what would be is reported");
  }
  return out;
}

}  // namespace

Result<policy::Query> parse_query(const v1::ExplainRequest& request) {
  policy::Query query;
  const auto operation = parse_operation(request.operation());
  if (!operation) {
    return std::unexpected(operation.error());
  }
  query.on = *operation;
  query.program = request.program();
  query.requested = request.requested();
  if (request.protocol() == "udp") {
    query.protocol = IPPROTO_UDP;
  } else if (!request.protocol().empty() && request.protocol() != "tcp") {
    return fail(fmt::format("protocol \"{}\": expected tcp or udp", escape(request.protocol())));
  }
  Result<> checked = absolute("program", query.program);
  if (checked) {
    checked = absolute("requested", query.requested);
  }
  if (checked && (query.on == policy::Operation::connect || query.on == policy::Operation::bind)) {
    checked = parse_endpoint(request.object(), query);
  } else if (checked) {
    query.path = request.object();
    checked = query.path.empty() ? fail("expected a path") : absolute("path", query.path);
  }
  if (!checked) {
    return std::unexpected(checked.error());
  }
  return query;
}

Result<v1::ExplainResponse> explain(const v1::ExplainRequest& request, const Registry& registry,
                                    const RuleTable& rules, const enforce::Enforcer& enforcer) {
  const auto query = parse_query(request);
  if (!query) {
    return fail(query.error().message, EINVAL);
  }
  if (request.workload() == "unenrolled") {
    return explain_unenrolled(query->on, enforcer);
  }
  const auto slot = registry.find(request.workload());
  if (!slot) {
    return std::unexpected(slot.error());
  }
  const auto& entry = *registry.by_slot(*slot);
  v1::ExplainResponse out;
  const auto verdict = entry.profile->index == 0
                           ? policy::Verdict{}
                           : policy::evaluate(enforcer.profile(entry.profile->index),
                                              enforcer.arena(), enforcer.key(), *query);
  out.set_verdict(std::string(verdict_word(verdict.decision)));
  policy::RuleName decided;
  if (const auto* name = rules.name(verdict.rule)) {
    decided = *name;
    out.set_policy(decided.policy);
    out.set_rule(decided.rule);
  }
  add_notes(entry, enforcer, out);
  if (!entry.profile->adopted) {
    for (const auto& note :
         policy::explain(entry.profile->rules, entry.profile->degraded, *query, verdict, decided)) {
      out.add_notes(note);
    }
  }
  return out;
}

}  // namespace usher::agent
