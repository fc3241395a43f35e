// Random policies and questions about them, close enough to each other to meet often. The same seed
// gives the same sequence.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "policy/evaluate.hpp"

namespace usher::test {

class RandomPolicies {
 public:
  explicit RandomPolicies(std::uint64_t seed) : random_(seed) {}

  usher_key key();
  std::uint32_t merged();  // USHER_MERGED_*
  // 1 to 4 policies of any mode with up to 12 rules each, valid as the loader would have them.
  policy::RuleSet rule_set();
  // Paths stay below 1,000 bytes: they fit usher_query. Of an exec, requested and program may be
  // empty; `unknown` and `anonymous` come up now and then.
  policy::Query query(const policy::RuleSet& rules);

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  std::string name();
  std::string path(std::uint32_t max_depth);
  policy::PathPattern pattern(bool from);
  std::vector<policy::PathPattern> patterns(std::uint32_t max, bool from = false);
  policy::AddressBlock block();
  policy::PortRange ports();
  policy::Rule rule(std::size_t number);
  std::string near(const std::vector<policy::PathPattern>& patterns);
  const policy::Rule* some_rule(const policy::RuleSet& rules, policy::Operation on);

  std::mt19937_64 random_;
};

}  // namespace usher::test
