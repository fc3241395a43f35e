// From a rule set to the memory that the kernel reads. Pure: no kernel here.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "policy/policy.hpp"
#include "usher_hash.h"

namespace usher::policy {

// What a backend can carry out (docs/policy-reference.md has the table).
struct Capabilities {
  std::string backend;  // "lsm", "tracepoint", "none"
  std::array<bool, kOperations> operations{};
  bool from = true;  // `from` on connect/bind/exec
  bool socket_from = true;
};
Capabilities lsm_capabilities();
Capabilities tracepoint_capabilities();
Capabilities no_capabilities();  // of a kernel that enforces nothing

// A rule's name in events. Ids are stable for one (policy, rule) as long as the agent's table
// lives.
struct RuleName {
  std::string policy;
  std::string rule;  // "default" for a [defaults] denial
};
using RuleIds = std::function<std::uint32_t(const RuleName&)>;

// A profile as it lies in the arena: cells with positions relative to 0. header.table,
// header.vectors and header.kind[].rule_ids are relative too; place() adds where the arena's owner
// put it.
struct ProfileImage {
  usher_profile header{};
  std::vector<usher_cell> cells;
  // A policy whose `degrade` was used: it is compiled as audit.
  std::vector<std::string> degraded;
};

struct CompileInput {
  usher_key key{};
  std::uint32_t merged = 0;  // USHER_MERGED_*
  Capabilities capabilities;
};

// Errors name the policies and rules: more than USHER_MAX_RULES rules of a kind, more than
// USHER_MAX_GROUPS default-deny groups, something that the backend cannot do and that its policy
// does not say `degrade = true` for.
Result<ProfileImage> compile(const RuleSet& rules, const CompileInput& input, const RuleIds& ids);

// The header with every cell position moved by `base` (cells are moved by nothing: they hold none).
usher_profile place(const usher_profile& header, std::uint32_t base);

}  // namespace usher::policy
