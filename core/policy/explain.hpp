// A verdict in plain words, for `usherctl explain`. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/evaluate.hpp"

namespace usher::policy {

// "allow", "audit", "would-deny", "deny", "kill" for USHER_ALLOWED …
std::string_view decision_name(std::uint32_t decision);

// One sentence each: what decided and where it is written; every policy that applies and whether it
// is enforced; what the question left open; what a reader could take for more than it is.
// `decided` is the name of verdict.rule, empty when nothing spoke; `degraded` as in ProfileImage.
std::vector<std::string> explain(const RuleSet& rules, std::span<const std::string> degraded,
                                 const Query& query, const Verdict& verdict,
                                 const RuleName& decided);

}  // namespace usher::policy
