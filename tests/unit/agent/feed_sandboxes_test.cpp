// The containers that pods' sandboxes are: workloads where a policy takes sandboxes in.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "feed_world.hpp"

namespace usher::agent::test {

namespace {

struct PauseWorld : FeedWorld {
  // A pod whose pause is process 100 in cgroup 50.
  PauseWorld() {
    machine.processes[100] = {"/containers/s1", 50, 50, 0};
    machine.cgroups.insert(50);
    BOOST_TEST(publish(Kind::sandbox_starting, pause()).has_value());
  }
  static identity::Identity pause() {
    auto who = sandbox("s1", "payments", "pod-a", {{"app", "api"}});
    who.container_id = "s1";
    return who;
  }
  static std::shared_ptr<const policy::Policy> with_sandboxes() {
    auto policy = std::make_shared<policy::Policy>(*deny_app("api"));
    policy->select.sandboxes = true;
    return policy;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(feed_of_sandboxes, PauseWorld)

BOOST_AUTO_TEST_CASE(a_pause_that_no_policy_takes_in_is_no_workload) {
  policies.use({{deny_app("api")}});
  BOOST_TEST(publish(Kind::container_starting, pause(), 100).has_value());
  BOOST_TEST(publish(Kind::container_running, pause(), 100).has_value());
  BOOST_TEST(registry.size() == 0U);
  BOOST_TEST(feed.found_running() == 0U);
}

BOOST_AUTO_TEST_CASE(a_pause_that_a_policy_takes_in_is_enrolled_before_its_answer) {
  policies.use({{with_sandboxes()}});
  BOOST_TEST(publish(Kind::container_starting, pause(), 100).has_value());
  BOOST_REQUIRE(!enforcer.calls.empty());
  BOOST_TEST(enforcer.calls.back() == "enrol 1");  // its exec gives it its identity
  BOOST_TEST(enforcer.slots.at(1).profile != 0U);
  BOOST_TEST(known("s1").is_sandbox);
  BOOST_TEST(feed.found_running() == 0U);
  registry.by_container("s1")->started = true;
  loop.run();
  BOOST_TEST(tags() == 0);
}

BOOST_AUTO_TEST_CASE(a_pause_that_runs_is_tagged_before_its_answer) {
  policies.use({{with_sandboxes()}});
  BOOST_TEST(publish(Kind::container_running, pause(), 100).has_value());
  BOOST_REQUIRE(enforcer.calls.size() >= 2U);
  BOOST_TEST(enforcer.calls.end()[-2] == "enrol 1");
  BOOST_TEST(enforcer.calls.back() == "tag in /containers/s1");
  BOOST_TEST(known("s1").is_sandbox);
}

BOOST_AUTO_TEST_CASE(one_that_cannot_be_enrolled_is_refused_or_warned_of) {
  policies.use({{with_sandboxes()}});
  enforcer.enrol_fails = true;
  BOOST_TEST(fails_with(publish(Kind::container_starting, pause(), 100), "reads back other"));
  BOOST_TEST(feed.warnings().empty());
  BOOST_TEST(fails_with(publish(Kind::container_running, pause(), 100), "reads back other"));
  BOOST_TEST(feed.warnings().size() == 1U);
  BOOST_TEST(publish(Kind::sandbox_gone, pause()).has_value());
  BOOST_TEST(feed.warnings().empty());
}

BOOST_AUTO_TEST_CASE(a_policy_that_comes_later_takes_in_the_pauses_that_run) {
  policies.use({{deny_app("api")}});
  BOOST_TEST(publish(Kind::container_running, pause(), 100).has_value());
  policies.use({{with_sandboxes()}});
  feed.policies_changed();
  loop.restart();
  loop.poll();
  BOOST_REQUIRE(registry.by_container("s1") != nullptr);
  BOOST_TEST(registry.by_container("s1")->workload.runtime == "fake");
  BOOST_TEST(enforcer.calls.back() == "tag in /containers/s1");
}

// A thousand in one turn would keep a runtime's calls waiting longer than it waits for them.
BOOST_AUTO_TEST_CASE(pauses_that_a_later_policy_takes_in_are_enrolled_one_a_turn_of_the_loop) {
  constexpr int kPods = 20;
  policies.use({{deny_app("api")}});
  for (int i = 0; i < kPods; ++i) {
    auto who = pause();
    who.pod_name = who.sandbox_id = who.container_id = "p" + std::to_string(i);
    machine.processes[1000 + i] = {"/containers/" + who.sandbox_id, 1000U + i, 1000U + i, 0};
    machine.cgroups.insert(1000 + i);
    BOOST_TEST(publish(Kind::sandbox_starting, who).has_value());
    BOOST_TEST(publish(Kind::container_running, who, 1000 + i).has_value());
  }
  policies.use({{with_sandboxes()}});
  feed.policies_changed();
  feed.policies_changed();  // and again, before it has begun
  loop.restart();
  std::size_t before = 0;
  while (registry.size() < kPods && loop.poll_one() != 0) {
    BOOST_TEST(registry.size() <= before + 1);
    before = registry.size();
  }
  BOOST_TEST(registry.size() == kPods);
  loop.poll();
  BOOST_TEST(tags() == kPods);
  BOOST_TEST(std::ranges::count(enforcer.calls, "tag") == 0);  // none of them by all tasks
}

BOOST_AUTO_TEST_CASE(a_pause_whose_pod_is_gone_is_not_looked_for_again) {
  BOOST_TEST(publish(Kind::container_running, pause(), 100).has_value());
  BOOST_TEST(publish(Kind::sandbox_gone, pause()).has_value());
  policies.use({{with_sandboxes()}});
  feed.policies_changed();
  loop.restart();
  loop.poll();
  BOOST_TEST(registry.size() == 0U);
  BOOST_TEST(feed.warnings().empty());
}

// A pod that has run to its end, which nobody has removed.
BOOST_AUTO_TEST_CASE(a_pause_that_has_ended_is_no_refusal_when_a_policy_comes_later) {
  BOOST_TEST(publish(Kind::container_running, pause(), 100).has_value());
  machine.processes.erase(100);
  policies.use({{with_sandboxes()}});
  feed.policies_changed();
  loop.restart();
  loop.poll();
  BOOST_TEST(registry.size() == 0U);
  BOOST_TEST(feed.warnings().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
