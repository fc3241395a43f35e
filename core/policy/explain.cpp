#include "policy/explain.hpp"

#include <algorithm>
#include <array>

#include "base/escape.hpp"

namespace usher::policy {
namespace {

constexpr std::array<std::string_view, 5> kDecisions = {"allow", "audit", "would-deny", "deny",
                                                        "kill"};
constexpr std::array<std::string_view, 4> kActions = {"allow", "audit", "deny", "kill"};

bool denies_by_default(const Policy& policy, Operation on) {
  return policy.defaults[static_cast<std::size_t>(on)] == Action::deny;
}

std::string place(const Location& at) {
  return escape(at.file) + (at.line == 0 ? "" : ":" + std::to_string(at.line));
}

std::string by_default(const Policy& policy, const std::string& on) {
  const std::string whose = policy.ceiling
                                ? "it is a ceiling, so only its own allow rules count"
                                : "no allow rule of the ordinary policies of its mode covers this";
  return "policy " + policy.name + " denies " + on + " by default (" + place(policy.at) + ") and " +
         whose;
}

std::string what_decided(const RuleSet& rules, const Query& query, const Verdict& verdict,
                         const RuleName& decided) {
  const std::string on(operation_name(query.on));
  if (decided.policy.empty()) {
    return verdict.rule == USHER_RULE_NONE
               ? "no rule denies it, and every policy that denies " + on + " by default allows it"
               : "a rule that is not in force any more decided: ask again";
  }
  const auto policy =
      std::ranges::find(rules.policies, decided.policy, [](const auto& p) { return p->name; });
  if (policy == rules.policies.end()) {
    return "policy " + decided.policy + ", rule " + decided.rule + " decided";
  }
  if (decided.rule == "default") {
    return by_default(**policy, on);
  }
  const auto rule = std::ranges::find((*policy)->rules, decided.rule, &Rule::name);
  if (rule == (*policy)->rules.end()) {
    return "policy " + decided.policy + ", rule " + decided.rule + " decided";
  }
  return "policy " + decided.policy + ", rule " + decided.rule + " (" + place(rule->at) +
         ") decided: its action is " +
         std::string(kActions[static_cast<std::size_t>(rule->action)]) +
         (verdict.by_request ? ", and it holds at the name that was asked for, not at the file "
                               "that the name leads to"
                             : "");
}

std::string about(const Policy& policy, std::span<const std::string> degraded, Operation on) {
  std::string out = "policy " + policy.name + " applies";
  if (std::ranges::find(degraded, policy.name) != degraded.end()) {
    out += ", audited only: this kernel cannot carry it out (degrade = true)";
  } else {
    out += policy.mode == Mode::enforce ? ", enforced" : ", audited only: mode = \"audit\"";
  }
  const auto count = std::ranges::count(policy.rules, on, &Rule::on);
  const std::string kind(operation_name(on));
  out += "; " + std::to_string(count) + (count == 1 ? " rule" : " rules") + " on " + kind;
  return out + (denies_by_default(policy, on) ? ", " + kind + " denied by default" : "");
}

bool has_rule(const RuleSet& rules, auto predicate) {
  return std::ranges::any_of(
      rules.policies, [&](const auto& p) { return std::ranges::any_of(p->rules, predicate); });
}

void add_cautions(const RuleSet& rules, const Query& query, std::vector<std::string>& notes) {
  const bool exec = query.on == Operation::exec;
  if (query.program.empty() &&
      has_rule(rules, [&](const Rule& r) { return r.on == query.on && !r.from.empty(); })) {
    notes.emplace_back(
        "rules with from were left out: the question does not say which program acts");
  }
  if (query.unknown) {
    notes.emplace_back(
        "a file that cannot be named satisfies every denial on its operation and no allow");
  }
  if (query.anonymous && exec) {
    notes.emplace_back(
        "a program without a name (memfd) is treated as unknown, unless every side that denies "
        "exec allows it with anonymous = true");
  }
  const bool listed =
      exec && has_rule(rules, [](const Rule& r) {
        return r.on == Operation::exec && (r.action == Action::deny || r.action == Action::kill);
      });
  const bool allow_list = std::ranges::any_of(rules.policies, [](const auto& p) {
    return p->mode == Mode::enforce && denies_by_default(*p, Operation::exec);
  });
  if (listed && !allow_list) {
    notes.emplace_back(
        "a deny-list of programs yields to copies and interpreters; an allow-list does not");
  }
}

}  // namespace

std::string_view decision_name(std::uint32_t decision) {
  return decision < kDecisions.size() ? kDecisions[decision] : "unknown";
}

std::vector<std::string> explain(const RuleSet& rules, std::span<const std::string> degraded,
                                 const Query& query, const Verdict& verdict,
                                 const RuleName& decided) {
  std::vector<std::string> notes;
  if (rules.policies.empty()) {
    notes.emplace_back("no policy applies to this workload: everything is allowed");
    return notes;
  }
  notes.push_back(what_decided(rules, query, verdict, decided));
  for (const auto& policy : rules.policies) {
    notes.push_back(about(*policy, degraded, query.on));
  }
  add_cautions(rules, query, notes);
  return notes;
}

}  // namespace usher::policy
