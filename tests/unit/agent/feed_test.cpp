// What adapters publish of containers, carried out over doubles of the kernel and the machine.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "feed_world.hpp"

namespace usher::agent::test {

BOOST_FIXTURE_TEST_SUITE(feed_of_adapters, FeedWorld)

BOOST_AUTO_TEST_CASE(a_gate_enrols_before_it_is_answered) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(starting("c1", 100).has_value());
  const std::vector<std::string> order{"publish 1", "enrol 1"};
  BOOST_TEST(enforcer.calls == order, boost::test_tools::per_element());
  BOOST_TEST(known("c1").pod_name == "pod-c1");
}

BOOST_AUTO_TEST_CASE(a_gate_whose_enrolment_fails_is_refused_with_the_reason) {
  container("c1", 100, 50);
  enforcer.enrol_fails = true;
  BOOST_TEST(fails_with(starting("c1", 100), "reads back other"));
  BOOST_TEST(registry.size() == 0U);
  BOOST_TEST(log_text.str().find("\"event\":\"refused\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_second_gate_of_a_container_only_confirms) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(starting("c1", 100).has_value());
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(enforcer.slots.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_gate_that_names_neither_pid_nor_cgroup_is_refused) {
  container("c1", 100, 50);
  BOOST_TEST(fails_with(starting("c1", 0), "neither a pid nor a cgroup"));
}

BOOST_AUTO_TEST_CASE(a_running_container_is_found_by_its_cgroup_where_no_pid_is_named) {
  container("c1", 100, 50);
  BOOST_TEST(running("c1", 0, "/containers/c1").has_value());
  BOOST_TEST(registry.by_container("c1")->workload.placement.cgroup_id == 50U);
}

BOOST_AUTO_TEST_CASE(one_that_is_over_when_it_is_told_as_started_is_no_problem) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  machine.processes.erase(100);
  machine.cgroups.erase(50);
  BOOST_TEST(running("c1", 100).has_value());
  BOOST_TEST(feed.warnings().empty());
}

BOOST_AUTO_TEST_CASE(what_no_gate_let_start_is_counted_named_and_warned_of) {
  container("c1", 100, 50);
  container("c2", 200, 60);
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(running("c1", 100).has_value());
  BOOST_TEST(feed.found_running() == 0U);
  BOOST_TEST(feed.warnings().empty());
  BOOST_TEST(running("c2", 200).has_value());
  BOOST_TEST(running("c2", 200).has_value());  // the next list names it again
  BOOST_TEST(feed.found_running() == 1U);
  BOOST_REQUIRE(feed.warnings().size() == 1U);
  BOOST_TEST(feed.warnings().front().find("payments/pod-c2/main") != std::string::npos);
  const auto text = log_text.str();
  BOOST_TEST(text.find("\"event\":\"found-running\"") != std::string::npos);
  BOOST_TEST(text.find("found-running") == text.rfind("found-running"));
}

BOOST_AUTO_TEST_CASE(another_identity_for_an_enrolled_container_is_refused_and_said) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  host.who["c1"].pod_namespace = "kube-system";
  BOOST_TEST(fails_with(running("c1", 100), "pod namespace is \"payments\""));
  BOOST_TEST(fails_with(starting("c1", 100), "pod namespace is \"payments\""));
  BOOST_TEST(known("c1").pod_namespace == "payments");
  BOOST_REQUIRE(feed.warnings().size() == 1U);
  BOOST_TEST(feed.warnings().front().find("kube-system") != std::string::npos);
  host.who["c1"].pod_namespace.clear();
  host.who["c1"].pod_name.clear();
  BOOST_TEST(fails_with(running("c1", 100), "none by"));
}

BOOST_AUTO_TEST_CASE(another_runtime_cannot_claim_an_enrolled_container) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  registry.by_container("c1")->workload.runtime = "elsewhere";
  BOOST_TEST(fails_with(running("c1", 100), "claims it"));
}

BOOST_AUTO_TEST_CASE(the_agents_own_container_is_passed_over) {
  container("agent-itself", 100, 50);
  BOOST_TEST(running("agent-itself", 100).has_value());
  BOOST_TEST(enforcer.slots.empty());
}

BOOST_AUTO_TEST_CASE(gone_is_a_hint_only) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(publish(Kind::container_gone, host.who["c1"]).has_value());
  BOOST_TEST(!registry.by_container("c1")->workload.ended);
  machine.cgroups.erase(50);
  BOOST_TEST(publish(Kind::container_gone, host.who["c1"]).has_value());
  BOOST_TEST(registry.by_container("c1")->workload.ended);
}

BOOST_AUTO_TEST_CASE(labels_of_the_sandbox_reach_the_hooks_path) {
  policies.use({{deny_app("api")}});
  container("c1", 100, 50);
  host.who["c1"].sandbox_id = "s1";
  const auto refusal = hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 100);
  BOOST_TEST((refusal.verdict() == v1::HookResponse::VERDICT_REFUSE));
  BOOST_TEST(refusal.message().find("labels") != std::string::npos);
  BOOST_TEST(publish(Kind::sandbox_starting, sandbox("s1", "payments", "pod-c1", {{"app", "api"}}))
                 .has_value());
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(known("c1").labels_known);
  BOOST_TEST(known("c1").labels_source == "the feed");
  BOOST_TEST(known("c1").runtime_handler == "runc");
  BOOST_TEST(registry.by_container("c1")->profile->rules.policies.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_sandbox_of_another_pod_refuses_the_container) {
  container("c1", 100, 50);
  host.who["c1"].sandbox_id = "s1";
  BOOST_TEST(
      publish(Kind::sandbox_starting, sandbox("s1", "kube-system", "pod-c1", {})).has_value());
  BOOST_TEST(!gate("c1", 100));
  BOOST_TEST(fails_with(starting("c1", 100), "two records of one container disagree"));
  BOOST_TEST(enforcer.calls.empty());
}

BOOST_AUTO_TEST_CASE(labels_that_come_late_switch_the_profile) {
  container("c1", 100, 50);
  host.who["c1"].sandbox_id = "s1";
  BOOST_TEST(gate("c1", 100));
  policies.use({{deny_app("api")}});
  publish(Kind::sandbox_starting, sandbox("s1", "payments", "pod-c1", {{"app", "api"}}));
  BOOST_TEST(running("c1", 100).has_value());
  BOOST_TEST(enforcer.slots[1].profile == 1U);
  const auto recorded = records.load();
  BOOST_REQUIRE(recorded->workloads.size() == 1U);
  BOOST_TEST(recorded->workloads[0].identity.labels_known);
}

BOOST_AUTO_TEST_CASE(a_list_tells_what_was_missed_of_a_container_that_it_does_not_name) {
  container("c1", 100, 50);
  host.who["c1"].sandbox_id = "s1";
  host.who["c1"].record_unknown = true;
  BOOST_TEST(gate("c1", 100));
  policies.use({{deny_app("api")}});
  publish(Kind::listing, {});
  publish(Kind::sandbox_starting, sandbox("s1", "payments", "pod-c1", {{"app", "api"}}));
  BOOST_TEST(!known("c1").labels_known);
  publish(Kind::synced, {});
  BOOST_TEST(known("c1").labels_known);
  BOOST_TEST(!known("c1").record_unknown);
  BOOST_TEST(known("c1").runtime_handler == "runc");
  BOOST_TEST(registry.by_container("c1")->profile->rules.policies.size() == 1U);
  BOOST_TEST(records.load()->workloads[0].identity.labels_known);
}

BOOST_AUTO_TEST_CASE(labels_never_change_once_they_are_known) {
  publish(Kind::sandbox_starting, sandbox("s1", "payments", "p", {{"app", "api"}}));
  BOOST_TEST(
      fails_with(publish(Kind::sandbox_starting, sandbox("s1", "payments", "p", {{"app", "web"}})),
                 "pod label"));
  BOOST_TEST(sandboxes.find("fake", "s1")->pod_labels.at("app") == "api");
}

BOOST_AUTO_TEST_CASE(a_workload_whose_root_cannot_be_read_keeps_the_profile_that_it_has) {
  add_without_record(7, 50);
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  locator.merged_of = [](int) -> Result<std::uint32_t> { return fail("no such directory"); };
  BOOST_TEST(fails_with(running("c1", 100), "cannot read its root"));
  BOOST_TEST(!registry.by_slot(7)->attributed);
  BOOST_TEST(enforcer.slots[7].profile == 0U);
}

BOOST_AUTO_TEST_CASE(a_workload_without_a_record_is_known_again) {
  add_without_record(7, 50);
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(running("c1", 100).has_value());
  BOOST_REQUIRE(registry.by_container("c1") != nullptr);
  BOOST_TEST(registry.by_container("c1")->workload.slot == 7U);
  BOOST_TEST(registry.by_container("c1")->attributed);
  BOOST_TEST(enforcer.slots[7].profile == 1U);
  BOOST_TEST(records.load()->workloads.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_pid_outside_the_cgroup_that_its_adapter_names_is_refused) {
  container("c1", 100, 50);
  BOOST_TEST(fails_with(publish(Kind::container_starting, host.who["c1"], 100, "/containers/c2"),
                        "cgroup /containers/c2, but its process 100 is in /containers/c1"));
  BOOST_TEST(enforcer.slots.empty());
  BOOST_TEST(publish(Kind::container_starting, host.who["c1"], 100, "/containers/c1").has_value());
  // Enrolled or not: what disagrees is refused.
  BOOST_TEST(fails_with(running("c1", 100, "/containers/c2"), "cgroup /containers/c2"));
}

BOOST_AUTO_TEST_CASE(the_child_that_crun_makes_stands_for_the_containers_cgroup) {
  const std::string id(64, 'b');
  const std::string scope = "/machine.slice/libpod-" + id + ".scope";
  container(id, 100, 50);
  machine.processes[100].cgroup_path = scope;
  BOOST_TEST(fails_with(publish(Kind::container_starting, host.who[id], 100, scope + "/other"),
                        "/other, but its process 100 is in " + scope));
  BOOST_TEST(
      publish(Kind::container_starting, host.who[id], 100, scope + "/container").has_value());
  BOOST_TEST(registry.by_container(id)->workload.placement.cgroup_path == scope);
  BOOST_TEST(running(id, 100, scope + "/container/what/it/made").has_value());
}

BOOST_AUTO_TEST_CASE(what_an_adapter_reports_is_counted_among_the_gates) {
  container("c1", 100, 50);
  BOOST_TEST(starting("c1", 100).has_value());
  BOOST_TEST(!starting("c1", 0).has_value());
  BOOST_TEST(enrolment.times().gates == 2U);
  BOOST_TEST(enrolment.times().refused == 1U);
  BOOST_TEST(running("c1", 100).has_value());  // nobody waits for it
  BOOST_TEST(enrolment.times().gates == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
