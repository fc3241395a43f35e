// One kind (operation) of a profile: which rules, their bits, masks, groups. Internal to the
// compiler.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/image_builder.hpp"

namespace usher::policy {

// A policy as this compilation takes it: in audit mode by its own word or because it was degraded.
struct PolicyUse {
  const Policy* policy = nullptr;
  bool audited = false;
};

// A rule and its bit in the vectors of its kind.
struct BitRule {
  const PolicyUse* use = nullptr;
  const Rule* rule = nullptr;
  std::size_t bit = 0;
};

// The rules of kind `on`, in the order of the policies and of their files: bits are ranks, so that
// what is attributed to the lowest bit is stable.
std::vector<BitRule> rules_of_kind(const std::vector<PolicyUse>& uses, Operation on);

// Fills masks, groups, rule ids and flags of `kind` (the flags that speak of nodes are set by
// add_nodes). Errors: more groups than fit.
Result<> fill_kind(const std::vector<PolicyUse>& uses, Operation on,
                   const std::vector<BitRule>& rules, const RuleIds& ids, ImageBuilder& builder,
                   usher_kind& kind);

// True when a memfd may be executed: every side that denies has an `anonymous` allow of its own.
bool allows_anonymous(const std::vector<PolicyUse>& uses);

// Adds the nodes of these rules' paths or sockets and sets what `kind` says of them.
void add_nodes(const std::vector<BitRule>& rules, Operation on, const CompileInput& input,
               ImageBuilder& builder, usher_kind& kind);

}  // namespace usher::policy
