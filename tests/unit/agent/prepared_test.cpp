// Profiles that are loaded when a pod's sandbox is told, over doubles of the kernel and the
// machine.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "feed_world.hpp"

namespace usher::agent::test {

namespace {

struct PreparedWorld : FeedWorld {
  // A sandbox that starts, and a turn of the loop for what follows from it.
  void sandbox_starts(const std::string& id, const std::string& app,
                      const std::string& pod_namespace = "payments") {
    BOOST_TEST(publish(Kind::sandbox_starting, sandbox(id, pod_namespace, "pod-c1", {{"app", app}}))
                   .has_value());
    turn();
  }
  void turn() {
    loop.restart();
    loop.poll();
  }
  // A container of a pod whose sandbox is told.
  void container_of(const std::string& sandbox_id, const std::string& id, int pid,
                    std::uint64_t cgroup) {
    container(id, pid, cgroup);
    host.who[id].sandbox_id = sandbox_id;
    host.who[id].pod_name = "pod-c1";
  }
  std::size_t count(const std::string& call) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        enforcer.calls, [&](const auto& each) { return each.starts_with(call); }));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(prepared_profiles, PreparedWorld)

BOOST_AUTO_TEST_CASE(a_gate_finds_the_profile_that_its_sandbox_announced) {
  policies.use({{deny_app("api")}});
  sandbox_starts("s1", "api");
  BOOST_TEST(count("publish") == 1U);
  BOOST_TEST(count("enrol") == 0U);
  enforcer.calls.clear();
  container_of("s1", "c1", 100, 50);
  BOOST_TEST(starting("c1", 100).has_value());
  const std::vector<std::string> order{"enrol 1"};
  BOOST_TEST(enforcer.calls == order, boost::test_tools::per_element());
  BOOST_TEST(enforcer.slots.at(1).profile == 1U);
}

BOOST_AUTO_TEST_CASE(a_pod_that_no_policy_selects_prepares_nothing) {
  policies.use({{deny_app("api")}});
  sandbox_starts("s1", "web");
  sandbox_starts("s2", "api", "elsewhere");
  BOOST_TEST(enforcer.calls.empty());
  BOOST_TEST(prepared.size() == 0U);
}

BOOST_AUTO_TEST_CASE(what_a_selector_asks_of_the_container_waits_for_its_gate) {
  auto by_name = std::make_shared<policy::Policy>(*deny_sh("main-only", "payments"));
  by_name->select.containers = {"main"};
  policies.use({{by_name}});
  sandbox_starts("s1", "api");
  BOOST_TEST(count("publish") == 0U);
  container_of("s1", "c1", 100, 50);
  BOOST_TEST(starting("c1", 100).has_value());
  BOOST_TEST(count("publish") == 1U);
}

BOOST_AUTO_TEST_CASE(a_pod_that_never_starts_a_container_gives_its_profile_back) {
  policies.use({{deny_app("api"), deny_sh("all-of-it", "others")}});
  sandbox_starts("s1", "api");
  publish(Kind::sandbox_gone, sandbox("s1", "payments", "pod-c1", {}));
  BOOST_TEST(count("retire 1") == 1U);
  sandbox_starts("s2", "api", "others");
  BOOST_TEST(count("publish") == 2U);
  clock += Prepared::kKept;
  prepared.sweep();
  BOOST_TEST(count("retire 2") == 1U);
  BOOST_TEST(prepared.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_workload_keeps_what_was_prepared_for_it) {
  policies.use({{deny_app("api")}});
  sandbox_starts("s1", "api");
  container_of("s1", "c1", 100, 50);
  BOOST_TEST(starting("c1", 100).has_value());
  clock += Prepared::kKept;
  prepared.sweep();
  publish(Kind::sandbox_gone, sandbox("s1", "payments", "pod-c1", {}));
  BOOST_TEST(count("retire") == 0U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_prepared_is_no_error_of_the_sandbox_or_the_start) {
  policies.use({{deny_app("api")}});
  enforcer.publish_fails = true;
  sandbox_starts("s1", "api");
  BOOST_TEST(prepared.size() == 0U);
  enforcer.publish_fails = false;
  container_of("s1", "c1", 100, 50);
  BOOST_TEST(starting("c1", 100).has_value());
  BOOST_TEST(log_text.str().find("error") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_gate_takes_the_room_of_what_is_only_prepared) {
  policies.use({{deny_app("api"), deny_sh("other", "others")}});
  sandbox_starts("s1", "api");
  profiles.when_full([this] {
    enforcer.publish_fails = false;
    return prepared.make_room();
  });
  enforcer.publish_fails = true;
  container("c2", 200, 60, "others");
  BOOST_TEST(starting("c2", 200).has_value());
  BOOST_TEST(count("retire 1") == 1U);
}

BOOST_AUTO_TEST_CASE(new_policies_are_prepared_anew) {
  policies.use({{deny_app("api")}});
  sandbox_starts("s1", "api");
  policies.use({{deny_app("api")}});
  prepared.renew();
  turn();
  BOOST_TEST(count("retire 1") == 1U);
  BOOST_TEST(count("publish") == 2U);
}

BOOST_AUTO_TEST_CASE(a_list_of_what_runs_already_prepares_nothing) {
  policies.use({{deny_app("api")}});
  publish(Kind::listing, {});
  sandbox_starts("s1", "api");
  BOOST_TEST(count("publish") == 0U);
  publish(Kind::synced, {});
  sandbox_starts("s2", "api");
  BOOST_TEST(count("publish") == 1U);
}

BOOST_AUTO_TEST_CASE(the_images_to_come_are_taken_to_be_like_those_that_run) {
  policies.use({{deny_app("api")}});
  locator.merged_of = [](int) { return Result<std::uint32_t>(USHER_MERGED_BIN); };
  container("c0", 90, 40, "elsewhere");
  BOOST_TEST(running("c0", 90).has_value());
  enforcer.calls.clear();
  sandbox_starts("s1", "api");
  BOOST_TEST(count("publish") == 1U);
  container_of("s1", "c1", 100, 50);
  BOOST_TEST(starting("c1", 100).has_value());
  BOOST_TEST(count("publish") == 1U);
}

BOOST_AUTO_TEST_CASE(no_more_pods_are_held_than_there_is_room_for) {
  policies.use({{deny_app("api")}});
  for (std::size_t i = 0; i < Prepared::kMaxPods + 10; ++i) {
    sandbox_starts("s" + std::to_string(i), "api");
  }
  BOOST_TEST(prepared.size() == Prepared::kMaxPods);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
