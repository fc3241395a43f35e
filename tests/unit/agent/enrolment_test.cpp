#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "doubles.hpp"

namespace usher::agent::test {

namespace {

bool refused_with(const v1::HookResponse& answer, std::string_view part) {
  BOOST_TEST_INFO(answer.message());
  return answer.verdict() == v1::HookResponse::VERDICT_REFUSE &&
         answer.message().find(part) != std::string::npos;
}

std::size_t files_in(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(directory), {}));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(enrolment, World)

BOOST_AUTO_TEST_CASE(the_record_is_on_disk_before_the_kernel_and_the_verdict) {
  container("c1", 100, 50);
  bool recorded = false;
  enforcer.on_enrol = [&](const identity::Placement&) {
    recorded = std::filesystem::exists(run.path() / "workloads/50.json");
  };
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(recorded);
  BOOST_TEST(enforcer.slots.size() == 1U);
  BOOST_REQUIRE(registry.by_container("c1") != nullptr);
  BOOST_TEST(registry.by_container("c1")->workload.enrolled_at == 1'700'000'000);
}

BOOST_AUTO_TEST_CASE(policies_know_a_container_by_the_runtime_that_the_host_tells) {
  container("c1", 100, 50);
  auto policy = std::make_shared<policy::Policy>(*deny_sh("p", "payments"));
  policy->select.runtimes = {"containerd"};
  policies.use({{policy}});
  host.known_as = "containerd";
  BOOST_REQUIRE(gate("c1", 100));
  BOOST_TEST(registry.by_container("c1")->workload.runtime == "containerd");
  BOOST_TEST(registry.by_container("c1")->profile->rules.policies.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_directory_of_records_that_was_removed_is_made_anew) {
  std::filesystem::remove_all(run.path() / "workloads");
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(std::filesystem::exists(run.path() / "workloads/50.json"));
  BOOST_TEST((std::filesystem::status(run.path() / "workloads").permissions() ==
              std::filesystem::perms::owner_all));
}

BOOST_AUTO_TEST_CASE(the_profile_is_published_before_the_workload_is_enrolled) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  const std::vector<std::string> order{"publish 1", "enrol 1"};
  BOOST_TEST(enforcer.calls == order, boost::test_tools::per_element());
  BOOST_TEST(enforcer.slots[1].profile == 1U);
}

BOOST_AUTO_TEST_CASE(equal_rule_sets_share_one_profile) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  container("c2", 101, 51);
  container("c3", 102, 52, "other");
  BOOST_TEST((gate("c1", 100) && gate("c2", 101) && gate("c3", 102)));
  BOOST_TEST(enforcer.slots[1].profile == enforcer.slots[2].profile);
  BOOST_TEST(enforcer.slots[3].profile == 0U);
  BOOST_TEST(std::ranges::count(enforcer.calls, "publish 1") == 1);
  BOOST_TEST(profiles.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_does_not_read_back_is_refused_and_leaves_nothing) {
  container("c1", 100, 50);
  enforcer.enrol_fails = true;
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 100), "reads back other"));
  BOOST_TEST(registry.size() == 0U);
  BOOST_TEST(files_in(run.path() / "workloads") == 0U);
}

BOOST_AUTO_TEST_CASE(a_record_that_cannot_be_written_is_a_refusal_before_the_kernel) {
  container("c1", 100, 50);
  std::filesystem::remove_all(run.path() / "workloads");
  std::ofstream(run.path() / "workloads") << "no directory, and none can be made\n";
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 100), "record"));
  BOOST_TEST(enforcer.calls.empty());
}

BOOST_AUTO_TEST_CASE(status_warns_as_long_as_records_cannot_be_written) {
  container("c1", 100, 50);
  BOOST_TEST(enrolment.warnings().empty());
  std::filesystem::rename(run.path() / "workloads", run.path() / "kept");
  BOOST_REQUIRE(write_file(run.path() / "workloads", "in the way"));
  BOOST_TEST(!gate("c1", 100));
  BOOST_REQUIRE(enrolment.warnings().size() == 1U);
  BOOST_TEST(enrolment.warnings().front().find("record cannot be written") != std::string::npos);
  std::filesystem::remove(run.path() / "workloads");
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(enrolment.warnings().empty());
}

BOOST_AUTO_TEST_CASE(refusals_say_what_is_wrong) {
  container("c1", 100, 50);
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 0), "names no pid"));
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 99), "process 99 is gone"));
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c9", 100), "does not know it"));
  BOOST_TEST(
      refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 100, "docker"), "runtime \"docker\""));
  v1::HookRequest bad;
  bad.set_stage(v1::HOOK_STAGE_CREATE_RUNTIME);
  bad.set_state("{");
  v1::HookResponse answer;
  asio::co_spawn(loop, enrolment.hook(bad),
                 [&](std::exception_ptr, v1::HookResponse got) { answer = std::move(got); });
  loop.restart();
  loop.run();
  BOOST_TEST(refused_with(answer, "cannot be read"));
  BOOST_TEST(registry.size() == 0U);
  BOOST_TEST(log_text.str().find("\"event\":\"refused\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_adapter_that_names_another_container_is_refused) {
  container("c1", 100, 50);
  host.who["c1"].container_id = "c2";
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 100), "calls it c2"));
}

BOOST_AUTO_TEST_CASE(the_agents_own_cgroup_is_never_enrolled) {
  container("c1", 100, 1);
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 100), "agent's own cgroup"));
}

BOOST_AUTO_TEST_CASE(ids_that_disagree_with_the_cgroup_path_are_refused) {
  container("c1", 100, 50);
  host.who["c1"].pod_uid = "11111111-2222-3333-4444-555555555555";
  machine.processes[100].cgroup_path =
      "/kubepods/burstable/pod99999999-2222-3333-4444-555555555555/c1";
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 100), "99999999"));
  BOOST_TEST(enforcer.calls.empty());
}

BOOST_AUTO_TEST_CASE(several_gates_for_one_container_enrol_it_once) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST((hook(v1::HOOK_STAGE_PRESTART, "c1", 100).verdict() == v1::HookResponse::VERDICT_GO));
  BOOST_TEST(enforcer.slots.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_mount_namespaces_number_may_come_again_before_its_cgroup_is_removed) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  container("c2", 101, 51);
  machine.processes[101].mntns = machine.processes[100].mntns;
  BOOST_TEST(gate("c2", 101));
  BOOST_TEST(std::vector<std::string>(enforcer.calls.end() - 2, enforcer.calls.end()) ==
                 std::vector<std::string>({"leave 1", "enrol 2"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(containers_that_share_a_mount_namespace_are_refused) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  container("c2", 101, 51);
  machine.processes[101].mntns = machine.processes[100].mntns;
  machine.shared_mntns.insert(machine.processes[100].mntns);
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c2", 101), "others live in"));
  BOOST_TEST(enforcer.slots.size() == 1U);
  BOOST_TEST(files_in(run.path() / "workloads") == 1U);
}

BOOST_AUTO_TEST_CASE(confirming_stages_need_the_gate) {
  for (const auto stage : {v1::HOOK_STAGE_CREATE_CONTAINER, v1::HOOK_STAGE_START_CONTAINER}) {
    BOOST_TEST(refused_with(hook(stage, "c1", 0), "did not pass the gate"));
  }
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  for (const auto stage : {v1::HOOK_STAGE_CREATE_CONTAINER, v1::HOOK_STAGE_START_CONTAINER}) {
    BOOST_TEST((hook(stage, "c1", 1).verdict() == v1::HookResponse::VERDICT_GO));
  }
  BOOST_TEST(enforcer.slots.size() == 1U);
}

BOOST_AUTO_TEST_CASE(poststop_never_ends_what_still_has_its_cgroup) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST((hook(v1::HOOK_STAGE_POSTSTART, "c1", 100).verdict() == v1::HookResponse::VERDICT_GO));
  BOOST_TEST(registry.by_container("c1")->started);
  hook(v1::HOOK_STAGE_POSTSTOP, "c1", 0);
  BOOST_TEST(!registry.by_container("c1")->workload.ended);
  machine.cgroups.erase(50);
  hook(v1::HOOK_STAGE_POSTSTOP, "c1", 0);
  BOOST_TEST(registry.by_container("c1")->workload.ended);
}

BOOST_AUTO_TEST_CASE(a_poststart_hook_is_told_once_and_not_where_the_kernel_was_first) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  hook(v1::HOOK_STAGE_POSTSTART, "c1", 100);
  hook(v1::HOOK_STAGE_POSTSTART, "c1", 100);
  BOOST_TEST(started == std::vector<std::string>{"c1"});
  container("c2", 101, 51);
  BOOST_TEST(gate("c2", 101));
  registry.by_container("c2")->started = true;
  hook(v1::HOOK_STAGE_POSTSTART, "c2", 101);
  BOOST_TEST(started.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_container_id_is_taken_over_only_from_an_ended_one) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  container("c1", 101, 51);
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 101), "end it first"));
  machine.cgroups.erase(50);
  BOOST_TEST(gate("c1", 101));
  BOOST_TEST(registry.by_container("c1")->workload.placement.cgroup_id == 51U);
}

BOOST_AUTO_TEST_CASE(a_cgroup_of_another_container_is_refused) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  container("c2", 101, 50);
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c2", 101), "cgroup of its own"));
}

BOOST_AUTO_TEST_CASE(policies_that_cannot_be_carried_out_refuse_the_container) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  enforcer.publish_fails = true;
  BOOST_TEST(refused_with(hook(v1::HOOK_STAGE_CREATE_RUNTIME, "c1", 100), "no room"));
  BOOST_TEST(registry.size() == 0U);
}

BOOST_AUTO_TEST_CASE(an_ended_workload_is_forgotten_when_nobody_carries_it) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  enforcer.tasks = {{4242, 1}};
  lifetimes.cgroup_gone(50);
  lifetimes.reap();
  BOOST_TEST(registry.size() == 1U);
  BOOST_TEST(enforcer.profiles.size() == 1U);
  enforcer.tasks.clear();
  lifetimes.reap();
  BOOST_TEST(registry.size() == 0U);
  BOOST_TEST(enforcer.profiles.empty());
  BOOST_TEST(files_in(run.path() / "workloads") == 0U);
  const std::vector<std::string> order{"publish 1", "enrol 1", "end 1", "forget 1", "retire 1"};
  BOOST_TEST(enforcer.calls == order, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
