#include "policy/compile_kind.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace usher::policy {
namespace {

std::size_t index_of(Operation on) {
  return static_cast<std::size_t>(on);
}

bool denies_by_default(const Policy& policy, Operation on) {
  return policy.defaults[index_of(on)] == Action::deny;
}

bool refuses(const Rule& rule) {
  return rule.action == Action::deny || rule.action == Action::kill;
}

// The allow rules of the policies for which `member` holds.
template <class Member>
RuleBits allows_of(const std::vector<BitRule>& rules, Member member) {
  RuleBits bits;
  for (const BitRule& r : rules) {
    if (r.rule->action == Action::allow && member(*r.use)) {
      bits.set(r.bit);
    }
  }
  return bits;
}

// The default-deny groups of one side: all ordinary policies together, then each ceiling.
std::vector<usher_group> groups_of(const std::vector<PolicyUse>& uses, Operation on, bool audited,
                                   const std::vector<BitRule>& rules, const RuleIds& ids,
                                   ImageBuilder& builder) {
  std::vector<usher_group> groups;
  const auto add = [&](const PolicyUse& denier, const RuleBits& allows) {
    groups.push_back({.allow = builder.vector(allows),
                      .reserved = 0,
                      .rule = ids({denier.policy->name, "default"})});
  };
  const auto ordinary = [audited](const PolicyUse& use) {
    return use.audited == audited && !use.policy->ceiling;
  };
  for (const PolicyUse& use : uses) {
    if (ordinary(use) && denies_by_default(*use.policy, on)) {
      add(use, allows_of(rules, ordinary));
      break;
    }
  }
  for (const PolicyUse& use : uses) {
    if (use.audited == audited && use.policy->ceiling && denies_by_default(*use.policy, on)) {
      add(use, allows_of(rules, [&use](const PolicyUse& other) { return &other == &use; }));
    }
  }
  return groups;
}

std::string names_of_defaults(const std::vector<PolicyUse>& uses, Operation on) {
  std::string names;
  for (const PolicyUse& use : uses) {
    if (denies_by_default(*use.policy, on)) {
      names += (names.empty() ? "" : ", ") + use.policy->name;
    }
  }
  return names;
}

}  // namespace

std::vector<BitRule> rules_of_kind(const std::vector<PolicyUse>& uses, Operation on) {
  std::vector<BitRule> out;
  for (const PolicyUse& use : uses) {
    for (const Rule& rule : use.policy->rules) {
      if (rule.on == on) {
        out.push_back({&use, &rule, out.size()});
      }
    }
  }
  return out;
}

Result<> fill_kind(const std::vector<PolicyUse>& uses, Operation on,
                   const std::vector<BitRule>& rules, const RuleIds& ids, ImageBuilder& builder,
                   usher_kind& kind) {
  const auto enforced = groups_of(uses, on, false, rules, ids, builder);
  const auto would = groups_of(uses, on, true, rules, ids, builder);
  if (enforced.size() + would.size() > USHER_MAX_GROUPS) {
    return fail(std::to_string(enforced.size() + would.size()) + " policies deny " +
                std::string(operation_name(on)) + " by default with ceilings of their own, " +
                std::to_string(USHER_MAX_GROUPS) + " is the limit: " + names_of_defaults(uses, on) +
                "; make some of them ordinary policies (ceiling = false)");
  }
  kind.groups = static_cast<std::uint8_t>(enforced.size());
  kind.would_groups = static_cast<std::uint8_t>(would.size());
  std::ranges::copy(would, std::ranges::copy(enforced, kind.group).out);

  RuleBits kill;
  RuleBits deny;
  RuleBits would_deny;
  RuleBits audit;
  RuleBits from;
  std::vector<std::uint32_t> rule_ids;
  for (const BitRule& r : rules) {
    rule_ids.push_back(ids({r.use->policy->name, r.rule->name}));
    if (refuses(*r.rule)) {
      RuleBits& mask = r.use->audited ? would_deny : (r.rule->action == Action::kill ? kill : deny);
      mask.set(r.bit);
    } else if (r.rule->action == Action::audit) {
      audit.set(r.bit);
    }
    if (!r.rule->from.empty()) {
      from.set(r.bit);
    }
  }
  kind.rules = static_cast<std::uint16_t>(rules.size());
  kind.words = static_cast<std::uint16_t>((rules.size() + 63) / 64);
  kind.rule_ids = builder.add_rule_ids(rule_ids);
  kind.vec_kill = builder.vector(kill);
  kind.vec_deny = builder.vector(deny);
  kind.vec_would = builder.vector(would_deny);
  kind.vec_audit = builder.vector(audit);
  kind.vec_from = builder.vector(from);
  kind.flags |= rules.empty() && enforced.empty() && would.empty() ? 0U : USHER_KIND_RULED;
  kind.flags |= kill.any() || deny.any() || !enforced.empty() ? USHER_KIND_DENIES : 0U;
  kind.flags |= from.any() ? USHER_KIND_FROM : 0U;
  return {};
}

bool allows_anonymous(const std::vector<PolicyUse>& uses) {
  // A side is what has to pass on its own: the ordinary policies together, or one ceiling.
  struct Side {
    bool denies = false;
    bool allows = false;
  };
  const auto holds = [&uses](bool audited) -> std::pair<bool, bool> {  // any denies; all pass
    Side ordinary;
    bool any = false;
    bool pass = true;
    const auto close = [&](const Side& side) {
      any = any || side.denies;
      pass = pass && (side.allows || !side.denies);
    };
    for (const PolicyUse& use : uses) {
      if (use.audited != audited) {
        continue;
      }
      Side own;
      own.denies = denies_by_default(*use.policy, Operation::exec);
      for (const Rule& rule : use.policy->rules) {
        own.denies = own.denies || (rule.on == Operation::exec && refuses(rule));
        own.allows = own.allows || rule.anonymous;
      }
      if (use.policy->ceiling) {
        close(own);
      } else {
        ordinary.denies = ordinary.denies || own.denies;
        ordinary.allows = ordinary.allows || own.allows;
      }
    }
    close(ordinary);
    return {any, pass};
  };
  // What is only audited never changes what is enforced: it is asked when nothing is enforced.
  const auto [enforced, passes] = holds(false);
  if (enforced) {
    return passes;
  }
  const auto [audited, audit_passes] = holds(true);
  return audited && audit_passes;
}

}  // namespace usher::policy
