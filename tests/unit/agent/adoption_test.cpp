#include "agent/adoption.hpp"

#include <boost/test/unit_test.hpp>

#include "agent/reload.hpp"
#include "doubles.hpp"

namespace usher::agent::test {

namespace {

// What an agent that was killed leaves, and a fresh one that starts on it.
struct Restarted : World {
  Registry fresh;
  ProfileCache fresh_profiles{enforcer, rules};

  Result<Adopted> restart() {
    enforcer.calls.clear();
    return adopt(fresh, fresh_profiles, records, enforcer, locator, journal);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(adoption, Restarted)

BOOST_AUTO_TEST_CASE(what_runs_is_adopted_with_identity_and_profile) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  const auto adopted = restart();
  BOOST_REQUIRE(adopted.has_value());
  BOOST_TEST(adopted->adopted == 1U);
  const auto* entry = fresh.by_container("c1");
  BOOST_REQUIRE(entry != nullptr);
  BOOST_TEST((entry->workload.identity == host.who["c1"]));
  BOOST_TEST(entry->workload.slot == 1U);
  BOOST_TEST(entry->profile->index == 1U);
  BOOST_TEST(enforcer.calls.empty());
}

BOOST_AUTO_TEST_CASE(one_that_waits_at_its_gate_does_not_run_yet) {
  container("c1", 100, 50);
  container("c2", 101, 51);
  BOOST_TEST((gate("c1", 100) && gate("c2", 101)));
  enforcer.tasks = {{4242, 2}};
  BOOST_REQUIRE(restart());
  BOOST_TEST(!fresh.by_container("c1")->started);
  BOOST_TEST(fresh.by_container("c2")->started);
  BOOST_TEST((enforcer.slots.at(1).flags & USHER_WORKLOAD_AWAITED) != 0U);
}

BOOST_AUTO_TEST_CASE(reapplying_replaces_adopted_profiles_and_retires_them) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  container("c2", 101, 51);
  BOOST_TEST((gate("c1", 100) && gate("c2", 101)));
  BOOST_REQUIRE(restart());
  reapply(fresh, policies, fresh_profiles, enforcer, journal);
  const std::vector<std::string> order{"publish 2", "switch 1 to 2", "switch 2 to 2", "retire 1"};
  BOOST_TEST(enforcer.calls == order, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_ended_meanwhile_is_dropped) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  machine.cgroups.clear();
  const auto adopted = restart();
  BOOST_REQUIRE(adopted.has_value());
  BOOST_TEST(adopted->dropped == 1U);
  BOOST_TEST(fresh.size() == 0U);
  BOOST_TEST(enforcer.slots.empty());
  BOOST_TEST(records.load()->workloads.empty());
}

BOOST_AUTO_TEST_CASE(an_ended_one_whose_tasks_live_on_stays_as_ended) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  machine.cgroups.clear();
  enforcer.tasks = {{4242, 1}};
  BOOST_REQUIRE(restart());
  BOOST_REQUIRE(fresh.by_slot(1) != nullptr);
  BOOST_TEST(fresh.by_slot(1)->workload.ended);
  BOOST_TEST(enforcer.slots.contains(1));
}

BOOST_AUTO_TEST_CASE(a_slot_without_a_record_keeps_its_profile_and_is_said) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  BOOST_REQUIRE(records.remove(50));
  const auto adopted = restart();
  BOOST_TEST(adopted->unattributed == 1U);
  reapply(fresh, policies, fresh_profiles, enforcer, journal);
  BOOST_TEST(enforcer.slots[1].profile == 1U);
  BOOST_TEST(enforcer.profiles.contains(1));
  BOOST_TEST(log_text.str().find("without a record") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_running_container_whose_pins_are_gone_is_enrolled_anew) {
  policies.use({{deny_sh("p", "payments")}});
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  enforcer.slots.clear();
  const auto adopted = restart();
  BOOST_TEST(adopted->enrolled_anew == 1U);
  reapply(fresh, policies, fresh_profiles, enforcer, journal);
  BOOST_REQUIRE(fresh.by_container("c1") != nullptr);
  BOOST_TEST(enforcer.slots[fresh.by_container("c1")->workload.slot].profile != 0U);
}

BOOST_AUTO_TEST_CASE(records_of_another_boot_are_void) {
  const auto other = Records::open(run.path() / "workloads", "boot-0");
  identity::Workload old;
  old.placement.cgroup_id = 50;
  BOOST_REQUIRE(other->write(old));
  machine.cgroups.insert(50);
  const auto adopted = restart();
  BOOST_TEST(adopted->dropped == 1U);
  BOOST_TEST(fresh.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_record_that_cannot_be_read_is_said_and_left) {
  BOOST_REQUIRE(write_file(run.path() / "workloads/7.json", "{"));
  BOOST_REQUIRE(restart());
  BOOST_TEST(log_text.str().find("7.json") != std::string::npos);
  BOOST_TEST(std::filesystem::exists(run.path() / "workloads/7.json"));
}

BOOST_AUTO_TEST_CASE(a_release_outlives_the_agent) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  BOOST_REQUIRE(enforcer.release(1));
  BOOST_REQUIRE(restart());
  BOOST_TEST(fresh.by_slot(1)->workload.released);
}

BOOST_AUTO_TEST_CASE(any_byte_of_an_identity_survives_the_record) {
  container("c1", 100, 50);
  auto& who = host.who["c1"];
  who.pod_labels = {{"a\\b", std::string("\xff\x00\x01", 3)}, {"", "\xe2\x82\xac"}};
  who.labels_known = true;
  who.image = "x\ny\"";
  BOOST_TEST(gate("c1", 100));
  BOOST_REQUIRE(restart());
  BOOST_TEST((fresh.by_slot(1)->workload.identity == who));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
