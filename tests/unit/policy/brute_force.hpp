// What a policy set means, told a second time: straight from the policies' text, with strings and
// loops over every rule; no hashes, no bits, nothing of the compiler. Slow and obvious: the
// evaluator and the kernel programs are held against it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/compile.hpp"
#include "policy/evaluate.hpp"

namespace usher::test {

struct Expected {
  std::uint32_t decision = USHER_ALLOWED;
  policy::RuleName rule;  // both empty when nothing spoke
  bool by_request = false;
};

// `merged` is USHER_MERGED_*. A backend that can do everything is taken for granted.
Expected brute_force(const policy::RuleSet& rules, std::uint32_t merged,
                     const policy::Query& query);

// Gives rule names their ids, as the agent's table does.
class RuleTable {
 public:
  policy::RuleIds ids();  // refers to this table
  std::uint32_t id(const policy::RuleName& name);
  policy::RuleName name(std::uint32_t id) const;

 private:
  std::map<std::pair<std::string, std::string>, std::uint32_t> ids_;
  std::vector<policy::RuleName> names_;
};

}  // namespace usher::test
