// The backend none. SKIPPED where there is no cgroup2 mount.
#include <boost/test/unit_test.hpp>

#include "enforce/enforcer.hpp"

namespace usher::enforce {

namespace {

boost::test_tools::assertion_result has_cgroups(boost::unit_test::test_unit_id) {
  const auto opened = Enforcer::open_none("");
  boost::test_tools::assertion_result result(opened.has_value());
  if (!opened) {
    result.message() << "SKIPPED: " << opened.error().message;
  }
  return result;
}

identity::Placement at(std::uint64_t cgroup) {
  return {"/c" + std::to_string(cgroup), cgroup, 1, 0};
}

policy::RuleSet one_rule(bool degrade) {
  auto policy = std::make_shared<policy::Policy>();
  policy->name = "p";
  policy->degrade = degrade;
  policy::Rule rule;
  rule.name = "r";
  rule.paths = {{policy::PathPattern::Form::exact, "/bin/sh"}};
  policy->rules.push_back(rule);
  return {{policy}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(no_enforcer, *boost::unit_test::precondition(has_cgroups))

BOOST_AUTO_TEST_CASE(it_says_why_nothing_is_enforced) {
  const auto none = Enforcer::open_none("no BPF here");
  BOOST_REQUIRE(none.has_value());
  BOOST_TEST(word((*none)->backend()) == "none");
  BOOST_TEST((*none)->warnings().at(0).find("no BPF here") != std::string::npos);
  BOOST_TEST(!(*none)->set_audit(false).has_value());
  BOOST_TEST((*none)->audit());
  BOOST_TEST((*none)->set_unenrolled({}).has_value());
  Unenrolled denied;
  denied.answer = USHER_UNENROLLED_DENY;
  BOOST_TEST(!(*none)->set_unenrolled(denied).has_value());
}

BOOST_AUTO_TEST_CASE(a_policy_is_refused_unless_it_may_be_degraded) {
  const auto none = *Enforcer::open_none("");
  const auto compiled = [&](bool degrade) {
    return policy::compile(one_rule(degrade), {none->key(), 0, none->capabilities()},
                           [](const policy::RuleName&) { return USHER_RULE_FIRST; });
  };
  const auto refused = compiled(false);
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST(refused.error().message.find("none backend cannot carry out") != std::string::npos);
  const auto degraded = compiled(true);
  BOOST_REQUIRE(degraded.has_value());
  BOOST_TEST(degraded->degraded.size() == 1U);
  BOOST_TEST(none->publish(*degraded).value() == 0U);
}

BOOST_AUTO_TEST_CASE(workloads_are_told_apart_by_slots) {
  const auto none = *Enforcer::open_none("");
  const auto first = none->enrol(at(10), 0, 0);
  const auto second = none->enrol(at(11), 0, 0);
  BOOST_REQUIRE((first && second));
  BOOST_TEST(*first != *second);
  BOOST_TEST(*first != 0U);
  BOOST_TEST(none->incarnation(*first) != none->incarnation(*second));
  BOOST_TEST(!none->enrol(at(10), 0, 0).has_value());
  BOOST_TEST(none->end(*first).has_value());
  BOOST_TEST(none->forget(*first).has_value());
  BOOST_TEST(none->enrol(at(10), 0, 0).has_value());
  BOOST_TEST(!none->switch_to(*first, 0).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::enforce
