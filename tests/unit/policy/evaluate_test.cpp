#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>

#include "base/escape.hpp"
#include "brute_force.hpp"
#include "random_policy.hpp"

using namespace usher;

namespace {

std::uint64_t seed_of_this_run() {
  if (const char* given = std::getenv("USHER_TEST_SEED")) {
    return std::strtoull(given, nullptr, 0);
  }
  return std::random_device{}();
}

std::string describe(const policy::Query& q) {
  return std::string(policy::operation_name(q.on)) + " path=" + escape(q.path) +
         " requested=" + escape(q.requested) + " program=" + escape(q.program) +
         (q.unknown ? " unknown" : "") + (q.anonymous ? " anonymous" : "") +
         " port=" + std::to_string(q.port);
}

}  // namespace

BOOST_AUTO_TEST_CASE(compiled_profiles_decide_as_the_policies_text_says) {
  const std::uint64_t seed = seed_of_this_run();
  BOOST_TEST_MESSAGE("seed " << seed << " (set USHER_TEST_SEED to repeat)");
  test::RandomPolicies random(seed);
  std::array<int, 5> seen{};
  for (int round = 0; round < 1000; ++round) {
    const auto rules = random.rule_set();
    const auto merged = random.merged();
    const auto key = random.key();
    test::RuleTable table;
    const auto image =
        policy::compile(rules, {key, merged, policy::lsm_capabilities()}, table.ids());
    BOOST_REQUIRE(image.has_value());
    for (int i = 0; i < 10; ++i) {
      const auto query = random.query(rules);
      const auto expected = test::brute_force(rules, merged, query);
      const auto verdict = policy::evaluate(image->header, image->cells, key, query);
      const auto rule = table.name(verdict.rule);
      ++seen[verdict.decision];
      BOOST_TEST_CONTEXT("seed " << seed << " round " << round << " case " << i << " merged "
                                 << merged << ": " << describe(query)) {
        BOOST_REQUIRE_EQUAL(verdict.decision, expected.decision);
        BOOST_REQUIRE_EQUAL(rule.policy + "/" + rule.rule,
                            expected.rule.policy + "/" + expected.rule.rule);
        BOOST_REQUIRE_EQUAL(verdict.by_request, expected.by_request);
      }
    }
  }
  for (const int count : seen) {
    BOOST_TEST(count > 100);  // the questions must not all have the same answer
  }
}
