#include "brute_force.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace usher::test {
namespace {

using policy::Action;
using policy::Operation;
using policy::PathPattern;
using policy::Policy;
using policy::Query;
using policy::Rule;

struct Candidate {
  const Policy* policy;
  const Rule* rule;
};

std::string first_name(const std::string& path) {
  const auto end = path.find('/', 1);
  return path.substr(1, end == std::string::npos ? end : end - 1);
}

bool merges(const std::string& path, std::uint32_t merged) {
  const std::vector<std::string> names = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
  const auto at = std::ranges::find(names, path.empty() ? "" : first_name(path));
  return at != names.end() && (merged >> (at - names.begin()) & 1U) != 0;
}

std::string under_usr(const std::string& path, std::uint32_t merged) {
  return merges(path, merged) ? "/usr" + path : path;
}

// A pattern under /usr, when it speaks of what is in a merged directory.
PathPattern under_usr(PathPattern pattern, std::uint32_t merged) {
  const bool inside = pattern.path.find('/', 1) != std::string::npos;
  if (pattern.form != PathPattern::Form::base &&
      (inside || pattern.form == PathPattern::Form::tree)) {
    pattern.path = under_usr(pattern.path, merged);
  }
  return pattern;
}

bool matches(const PathPattern& pattern, const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string base = path.substr(slash + 1);
  switch (pattern.form) {
    case PathPattern::Form::exact:
      return path == pattern.path;
    case PathPattern::Form::tree:
      return pattern.path.empty() || path == pattern.path || path.starts_with(pattern.path + "/");
    case PathPattern::Form::base:
      return base == pattern.path;
    case PathPattern::Form::prefix:
      return pattern.path.rfind('/') == slash && path.starts_with(pattern.path);
  }
  return false;
}

bool any_matches(const std::vector<PathPattern>& patterns, const std::string& path,
                 std::uint32_t merged, bool both_names) {
  return std::ranges::any_of(patterns, [&](const PathPattern& p) {
    return matches(under_usr(p, merged), path) || (both_names && matches(p, path));
  });
}

bool holds_at(const Rule& rule, const std::string& path, std::uint32_t merged) {
  const bool takes = rule.action != Action::allow;
  return any_matches(rule.paths, path, merged, takes) &&
         !any_matches(rule.except, path, merged, !takes);
}

bool from_holds(const Rule& rule, const std::string& program, std::uint32_t merged) {
  return rule.from.empty() || (!program.empty() && any_matches(rule.from, program, merged, false));
}

// -- addresses, bit by bit

std::vector<bool> bits_of(const policy::AddressBlock& a) {
  std::vector<bool> bits;
  for (std::size_t i = 0; i < (a.v6 ? 128U : 32U); ++i) {
    bits.push_back((a.bytes[i / 8] >> (7 - i % 8) & 1) != 0);
  }
  return bits;
}

policy::AddressBlock as_judged(policy::AddressBlock a, bool destination) {
  bool mapped = a.v6;
  for (std::size_t i = 0; i < 12; ++i) {
    mapped = mapped && a.bytes[i] == (i < 10 ? 0 : 0xff);
  }
  if (mapped) {
    policy::AddressBlock v4;
    for (std::size_t i = 0; i < 4; ++i) {
      v4.bytes[i] = a.bytes[12 + i];
    }
    a = v4;
  }
  const auto bits = bits_of(a);
  if (destination && std::ranges::find(bits, true) == bits.end()) {
    a.bytes = {};
    if (a.v6) {
      a.bytes[15] = 1;
    } else {
      a.bytes = {127, 0, 0, 1};
    }
  }
  return a;
}

bool inside(const policy::AddressBlock& block, const policy::AddressBlock& address) {
  if (block.v6 != address.v6) {
    return false;
  }
  const auto b = bits_of(block);
  const auto a = bits_of(address);
  return std::equal(b.begin(), b.begin() + block.length, a.begin());
}

bool socket_holds(const Rule& rule, const Query& query) {
  const auto address = as_judged(query.address, query.on == Operation::connect);
  const auto covers = [&](const auto& block) { return inside(block, address); };
  const auto has_port = [&](const auto& r) {
    return r.first <= query.port && query.port <= r.last;
  };
  return (rule.to.empty() || std::ranges::any_of(rule.to, covers)) &&
         std::ranges::none_of(rule.except_to, covers) &&
         (rule.ports.empty() || std::ranges::any_of(rule.ports, has_port)) &&
         (rule.protocols.empty() ||
          std::ranges::find(rule.protocols, query.protocol) != rule.protocols.end());
}

// -- the verdict

bool refuses(const Rule& rule) {
  return rule.action == Action::deny || rule.action == Action::kill;
}

bool denies_by_default(const Policy& p, Operation on) {
  return p.defaults[static_cast<std::size_t>(on)] == Action::deny;
}

// What must pass on its own: all ordinary policies of a mode together, or one ceiling.
std::vector<std::vector<const Policy*>> sides(const policy::RuleSet& rules, policy::Mode mode) {
  std::vector<std::vector<const Policy*>> out(1);
  for (const auto& p : rules.policies) {
    if (p->mode == mode && !p->ceiling) {
      out[0].push_back(p.get());
    }
  }
  for (const auto& p : rules.policies) {
    if (p->mode == mode && p->ceiling) {
      out.push_back({p.get()});
    }
  }
  return out;
}

// May a program without a name run? nullopt: nobody of this mode denies any exec.
std::optional<bool> anonymous_passes(const policy::RuleSet& rules, policy::Mode mode) {
  std::optional<bool> answer;
  for (const auto& side : sides(rules, mode)) {
    bool denies = false;
    bool allows = false;
    for (const Policy* p : side) {
      denies = denies || denies_by_default(*p, Operation::exec);
      for (const Rule& r : p->rules) {
        denies = denies || (r.on == Operation::exec && refuses(r));
        allows = allows || r.anonymous;
      }
    }
    if (denies) {
      answer = answer.value_or(true) && allows;
    }
  }
  return answer;
}

class Judge {
 public:
  Judge(const policy::RuleSet& rules, std::uint32_t merged, const Query& query)
      : rules_(rules), merged_(merged), query_(query) {
    const auto enforced = anonymous_passes(rules, policy::Mode::enforce);
    const auto audited = anonymous_passes(rules, policy::Mode::audit);
    anonymous_allowed_ = query.anonymous && enforced.value_or(audited.value_or(false));
  }

  Expected verdict() const {
    if (query_.anonymous && query_.on != Operation::exec) {
      return {};
    }
    using policy::Mode;
    if (auto e = by_action(USHER_KILLED, Mode::enforce, Action::kill)) return *e;
    if (auto e = by_action(USHER_DENIED, Mode::enforce, Action::deny)) return *e;
    if (auto e = by_default(USHER_DENIED, Mode::enforce)) return *e;
    if (auto e = by_action(USHER_WOULD_DENY, Mode::audit, std::nullopt)) return *e;
    if (auto e = by_default(USHER_WOULD_DENY, Mode::audit)) return *e;
    for (const auto& p : rules_.policies) {
      for (const Rule& r : p->rules) {
        if (r.action == Action::audit && holds(r)) {
          return {USHER_AUDITED, {p->name, r.name}, !holds_resolved(r)};
        }
      }
    }
    return {};
  }

 private:
  bool holds_resolved(const Rule& r) const {
    if (r.on != query_.on || !from_holds(r, query_.program, merged_)) {
      return false;
    }
    if (policy::is_socket(r.on)) {
      return socket_holds(r, query_);
    }
    if (query_.unknown || query_.anonymous) {
      return r.action != Action::allow && !anonymous_allowed_;
    }
    return holds_at(r, query_.path, merged_);
  }

  bool holds(const Rule& r) const {
    const bool requested = r.on == query_.on && r.on == Operation::exec &&
                           !query_.requested.empty() && r.action != Action::allow &&
                           from_holds(r, query_.program, merged_) &&
                           holds_at(r, under_usr(query_.requested, merged_), merged_);
    return requested || holds_resolved(r);
  }

  // nullopt action: deny and kill alike.
  std::optional<Expected> by_action(std::uint32_t decision, policy::Mode mode,
                                    std::optional<Action> action) const {
    for (const auto& p : rules_.policies) {
      for (const Rule& r : p->rules) {
        const bool speaks = action ? r.action == *action : refuses(r);
        if (p->mode == mode && speaks && holds(r)) {
          return Expected{decision, {p->name, r.name}, !holds_resolved(r)};
        }
      }
    }
    return std::nullopt;
  }

  std::optional<Expected> by_default(std::uint32_t decision, policy::Mode mode) const {
    if (anonymous_allowed_) {
      return std::nullopt;
    }
    for (const auto& side : sides(rules_, mode)) {
      const auto denier = std::ranges::find_if(
          side, [&](const Policy* p) { return denies_by_default(*p, query_.on); });
      const bool allowed = std::ranges::any_of(side, [&](const Policy* p) {
        return std::ranges::any_of(p->rules, [&](const Rule& r) {
          return r.action == Action::allow && holds_resolved(r);
        });
      });
      if (denier != side.end() && !allowed) {
        return Expected{decision, {(*denier)->name, "default"}, false};
      }
    }
    return std::nullopt;
  }

  const policy::RuleSet& rules_;
  std::uint32_t merged_;
  const Query& query_;
  bool anonymous_allowed_ = false;
};

}  // namespace

Expected brute_force(const policy::RuleSet& rules, std::uint32_t merged, const Query& query) {
  return Judge(rules, merged, query).verdict();
}

policy::RuleIds RuleTable::ids() {
  return [this](const policy::RuleName& name) { return id(name); };
}

std::uint32_t RuleTable::id(const policy::RuleName& name) {
  const auto next = static_cast<std::uint32_t>(USHER_RULE_FIRST + names_.size());
  const auto [at, added] = ids_.try_emplace({name.policy, name.rule}, next);
  if (added) {
    names_.push_back(name);
  }
  return at->second;
}

policy::RuleName RuleTable::name(std::uint32_t id) const {
  return id < USHER_RULE_FIRST ? policy::RuleName{} : names_.at(id - USHER_RULE_FIRST);
}

}  // namespace usher::test
