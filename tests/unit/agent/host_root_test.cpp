// The runtime's own processes of a sandbox on the host: a workload with the pod's identity.
#include "guest_world.hpp"

namespace usher::agent::test {

namespace {

struct HostRootWorld : GuestWorld {
  HostRootWorld() {
    machine.processes[100] = {"/kata/sandbox-1", 50, 0, 0};
    machine.cgroups.insert(50);
  }
  identity::Identity monitor(const std::string& id = "sandbox-1") {
    identity::Identity who;
    who.container_id = who.sandbox_id = id;
    who.is_sandbox = who.host_root = true;
    return who;
  }
  Result<> tell_pod() {
    auto pod = sandbox("sandbox-1", "payments", "api-0", {{"app", "api"}});
    pod.guest = true;
    return publish(Kind::sandbox_starting, pod);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(host_root, HostRootWorld)

BOOST_AUTO_TEST_CASE(it_is_enrolled_with_the_pods_identity_flagged_and_tagged) {
  BOOST_TEST(tell_pod().has_value());
  BOOST_TEST(publish(Kind::container_running, monitor(), 100, "", "kata", "kata").has_value());
  BOOST_TEST_REQUIRE(enforcer.slots.size() == 1U);
  BOOST_TEST((enforcer.slots.at(1).flags & USHER_WORKLOAD_HOST_ROOT) != 0U);
  BOOST_TEST(enforcer.slots.at(1).mntns == 0U);
  BOOST_TEST(enforcer.calls.back().starts_with("tag in "));
  const auto& workload = registry.by_container("sandbox-1")->workload;
  BOOST_TEST(workload.identity.pod_name == "api-0");
  BOOST_TEST(workload.identity.pod_labels.at("app") == "api");
  BOOST_TEST(workload.identity.host_root);
  BOOST_TEST(workload.runtime == "fake");  // of whoever told of the sandbox
  const auto kept = records.load();
  BOOST_TEST_REQUIRE(kept->workloads.size() == 1U);
  BOOST_TEST(kept->workloads[0].identity.host_root);
}

BOOST_AUTO_TEST_CASE(only_a_policy_that_takes_sandboxes_selects_it) {
  auto with = std::make_shared<policy::Policy>(*written("with", "payments"));
  with->select.sandboxes = true;
  use({with, written("without", "payments")});
  BOOST_TEST(tell_pod().has_value());
  BOOST_TEST(publish(Kind::container_running, monitor(), 100, "", "kata", "kata").has_value());
  const auto& rules = registry.by_container("sandbox-1")->profile->rules.policies;
  BOOST_TEST_REQUIRE(rules.size() == 1U);
  BOOST_TEST(rules[0]->name == "with");
}

BOOST_AUTO_TEST_CASE(it_waits_for_its_sandboxs_record_while_the_process_lives) {
  const auto early = publish(Kind::container_running, monitor(), 100, "", "kata", "kata");
  BOOST_TEST(fails_with(early, "no runtime's adapter has told of sandbox"));
  BOOST_TEST(enforcer.slots.empty());
  BOOST_TEST(feed.warnings().empty());
  BOOST_TEST(tell_pod().has_value());
  BOOST_TEST(enforcer.slots.size() == 1U);
  run_posted();
  BOOST_TEST(enforcer.calls.back().starts_with("tag in "));
}

BOOST_AUTO_TEST_CASE(a_process_that_ended_meanwhile_is_not_looked_for_again) {
  BOOST_TEST(!publish(Kind::container_running, monitor(), 100, "", "kata", "kata").has_value());
  machine.ended.insert(100);
  BOOST_TEST(tell_pod().has_value());
  BOOST_TEST(enforcer.slots.empty());
}

BOOST_AUTO_TEST_CASE(the_agents_own_cgroup_and_one_above_a_containers_are_refused) {
  BOOST_TEST(tell_pod().has_value());
  machine.processes[101] = {"/own", locator.own_cgroup, 0, 0};
  BOOST_TEST(fails_with(publish(Kind::container_running, monitor(), 101, "", "kata", "kata"),
                        "the agent's own cgroup"));
  container("c9", 109, 59);
  machine.processes[109].cgroup_path = "/kata/sandbox-1/c9";
  BOOST_TEST(gate("c9", 109));
  BOOST_TEST(fails_with(publish(Kind::container_running, monitor(), 100, "", "kata", "kata"),
                        "above or below"));
}

BOOST_AUTO_TEST_CASE(it_is_confirmed_when_it_is_told_again) {
  BOOST_TEST(tell_pod().has_value());
  BOOST_TEST(publish(Kind::container_running, monitor(), 100, "", "kata", "kata").has_value());
  BOOST_TEST(publish(Kind::container_running, monitor(), 100, "", "kata", "kata").has_value());
  BOOST_TEST(enforcer.slots.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
