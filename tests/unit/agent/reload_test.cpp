#include "agent/reload.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>

#include "doubles.hpp"

namespace usher::agent::test {

namespace {

std::ptrdiff_t at(const std::vector<std::string>& calls, const std::string& call) {
  return std::ranges::find(calls, call) - calls.begin();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(reload, World)

BOOST_AUTO_TEST_CASE(new_profiles_are_published_before_any_switch_and_old_ones_go_last) {
  policies.use({{deny_sh("p", "payments"), deny_sh("q", "other")}});
  container("c1", 100, 50);
  container("c2", 101, 51, "other");
  BOOST_TEST((gate("c1", 100) && gate("c2", 101)));
  enforcer.calls.clear();
  policies.use({{deny_sh("p", "payments"), deny_sh("q", "other")}});
  const auto done = reapply(registry, policies, profiles, enforcer, journal);
  BOOST_TEST(done.switched == 2U);
  BOOST_TEST(done.kept == 0U);
  const std::vector<std::string> order{"publish 3",     "publish 4", "switch 1 to 3",
                                       "switch 2 to 4", "retire 1",  "retire 2"};
  BOOST_TEST(enforcer.calls == order, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(unchanged_rule_sets_touch_nothing) {
  const auto policy = deny_sh("p", "payments");
  policies.use({{policy}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  enforcer.calls.clear();
  policies.use({{policy}});
  BOOST_TEST(reapply(registry, policies, profiles, enforcer, journal).switched == 0U);
  BOOST_TEST(enforcer.calls.empty());
}

BOOST_AUTO_TEST_CASE(a_workload_whose_new_policies_cannot_be_carried_out_keeps_its_profile) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  policies.use({{deny_sh("p", "payments")}});
  enforcer.publish_fails = true;
  const auto done = reapply(registry, policies, profiles, enforcer, journal);
  BOOST_TEST(done.kept == 1U);
  BOOST_TEST(enforcer.slots[1].profile == 1U);
  BOOST_TEST(enforcer.profiles.contains(1));
  BOOST_TEST(registry.by_slot(1)->problem == "no room for a profile");
  enforcer.publish_fails = false;
  BOOST_TEST(reapply(registry, policies, profiles, enforcer, journal).switched == 1U);
  BOOST_TEST(registry.by_slot(1)->problem.empty());
}

BOOST_AUTO_TEST_CASE(a_policy_taken_away_leaves_the_workload_without_rules) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  policies.use({});
  reapply(registry, policies, profiles, enforcer, journal);
  BOOST_TEST(enforcer.slots[1].profile == 0U);
  BOOST_TEST((at(enforcer.calls, "switch 1 to 0") < at(enforcer.calls, "retire 1")));
}

BOOST_AUTO_TEST_CASE(an_agent_that_stops_retires_nothing) {
  policies.use({{deny_sh("p", "payments")}});
  Registry outliving;
  {
    ProfileCache cache(enforcer, rules);
    Entry entry;
    entry.workload.slot = 1;
    entry.profile = *cache.acquire({policies.set().policies}, 0);
    BOOST_REQUIRE(outliving.add(std::move(entry)));
  }
  outliving.remove(1);
  BOOST_TEST(enforcer.profiles.size() == 1U);
}

BOOST_AUTO_TEST_CASE(rule_numbers_stay_the_same_over_reloads_and_restarts) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  const auto number = rules.id({"p", "no-shell"});
  BOOST_TEST(number >= static_cast<std::uint32_t>(USHER_RULE_FIRST));
  policies.use({{deny_sh("p", "payments"), deny_sh("a", "payments")}});
  reapply(registry, policies, profiles, enforcer, journal);
  BOOST_TEST(rules.id({"p", "no-shell"}) == number);
  const auto again = RuleTable::open(run.path() / "rules");
  BOOST_REQUIRE(again.has_value());
  BOOST_REQUIRE(again->name(number) != nullptr);
  BOOST_TEST(again->name(number)->policy == "p");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
