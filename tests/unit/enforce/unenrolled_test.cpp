// Execs in pods that nobody enrolled, on the kernel that runs the tests.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "kernel_fixture.hpp"

using namespace usher::enforce;           // NOLINT
using namespace usher::enforce::testing;  // NOLINT

namespace {

// A cgroup that stands for the one that holds all pods. /bin/allowed is an exempt program.
struct Pods : KernelFixture {
  Pods() {
    open();
    cgroup = std::make_unique<ScratchCgroup>(enforcer().cgroup_root());
    profile = enforcer().publish(denial_of({"/bin/denied", "/bin/allowed"})).value();
  }
  Unenrolled rules(std::uint32_t answer) const {
    return {.answer = answer,
            .profile = profile,
            .programs = {"/pause", "/bin/allowed"},
            .pod_cgroups = {"kubepods", cgroup->path().filename()},
            .agent_cgroup = 0,
            .agent_program = {}};
  }
  void answer(std::uint32_t word) {
    BOOST_REQUIRE(enforcer().set_unenrolled(rules(word)).has_value());
  }
  std::vector<usher_kernel_event> verdicts() {
    std::vector<usher_kernel_event> found;
    BOOST_REQUIRE(enforcer()
                      .consume([&](const usher_kernel_event& e) {
                        if (e.type == USHER_EVENT_VERDICT) {
                          found.push_back(e);
                        }
                      })
                      .has_value());
    return found;
  }
  std::unique_ptr<ScratchCgroup> cgroup;
  std::uint32_t profile = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(unenrolled, *boost::unit_test::precondition(kernel_takes_bpf))

BOOST_FIXTURE_TEST_CASE(deny_lets_no_program_begin_and_tells_of_it, Pods) {
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
  const auto seen = verdicts();
  BOOST_REQUIRE(seen.size() == 1U);
  BOOST_TEST(seen[0].rule == USHER_RULE_UNENROLLED);
  BOOST_TEST(seen[0].workload == 0U);
  BOOST_TEST(seen[0].verdict == USHER_DENIED);
  BOOST_TEST(seen[0].cgroup == cgroup->placement().cgroup_id);
  BOOST_TEST(std::string(seen[0].data, seen[0].path_len) == "/bin/denied");
  BOOST_TEST(std::string(seen[0].data + seen[0].path_len, seen[0].args_len) ==
             cgroup->path().filename().string() + '\0');
  BOOST_TEST(enforcer().counters()[USHER_COUNT_UNENROLLED] == 1U);
}

BOOST_FIXTURE_TEST_CASE(audit_tells_and_denies_nothing, Pods) {
  answer(USHER_UNENROLLED_AUDIT);
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
  const auto seen = verdicts();
  BOOST_REQUIRE(seen.size() == 1U);
  BOOST_TEST(seen[0].verdict == USHER_WOULD_DENY);
}

BOOST_FIXTURE_TEST_CASE(the_nodes_audit_mode_makes_deny_an_audit, Pods) {
  answer(USHER_UNENROLLED_DENY);
  BOOST_REQUIRE(enforcer().set_audit(true).has_value());
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
  const auto seen = verdicts();
  BOOST_REQUIRE(seen.size() == 1U);
  BOOST_TEST(seen[0].verdict == USHER_WOULD_DENY);
  BOOST_TEST((seen[0].flags & USHER_EVENT_NODE_AUDIT) != 0U);
}

BOOST_FIXTURE_TEST_CASE(what_is_no_pod_is_left_alone, Pods) {
  const ScratchCgroup outside(enforcer().cgroup_root());
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(run(outside, {"/bin/denied", "true"}).exit_code == 0);
  BOOST_TEST(verdicts().empty());
}

BOOST_FIXTURE_TEST_CASE(an_enrolled_container_goes_on, Pods) {
  const auto own = enforcer().publish(denial_of({"/bin/other"})).value();
  BOOST_REQUIRE(enforcer().enrol(cgroup->placement(), own, 0).has_value());
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
  BOOST_TEST(verdicts().empty());
}

BOOST_FIXTURE_TEST_CASE(the_agents_own_pod_is_left_alone, Pods) {
  Unenrolled wanted = rules(USHER_UNENROLLED_DENY);
  wanted.agent_cgroup = cgroup->placement().cgroup_id;
  BOOST_REQUIRE(enforcer().set_unenrolled(wanted).has_value());
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
}

// A new pod of the agent's, while there is no agent.
BOOST_FIXTURE_TEST_CASE(the_agents_program_begins_in_any_pod_that_was_given_the_node, Pods) {
  Unenrolled wanted = rules(USHER_UNENROLLED_DENY);
  wanted.programs = {"/pause"};
  wanted.agent_program = "/bin/denied";
  BOOST_REQUIRE(enforcer().set_unenrolled(wanted).has_value());
  close();
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
  BOOST_TEST(run(*cgroup, {"/bin/allowed", "true"}).denied());
  for (const auto without : {Lacks::sys_admin, Lacks::sys_ptrace, Lacks::pid_namespace}) {
    BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}, nullptr, without).denied());
  }
  open();
  BOOST_REQUIRE(enforcer().set_unenrolled(rules(USHER_UNENROLLED_DENY)).has_value());
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
}

BOOST_FIXTURE_TEST_CASE(an_exempt_program_runs_and_is_held_to_its_profile, Pods) {
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(run(*cgroup, {"/bin/allowed", "true"}).exit_code == 0);
  BOOST_TEST(enforcer().counters()[USHER_COUNT_EXEMPT] == 1U);
  BOOST_TEST(verdicts().empty());
  BOOST_TEST(run(*cgroup, {"/bin/allowed", "sh", "-c", "/bin/allowed true; exit 7"}).exit_code ==
             7);
  const auto seen = verdicts();
  BOOST_REQUIRE(seen.size() == 1U);
  BOOST_TEST(seen[0].workload == enforcer().exempt_slot());
  BOOST_TEST(seen[0].verdict == USHER_DENIED);
  BOOST_TEST(seen[0].rule == USHER_RULE_FIRST);
}

BOOST_FIXTURE_TEST_CASE(deny_goes_on_without_an_agent_and_its_successor_finds_it, Pods) {
  answer(USHER_UNENROLLED_DENY);
  int write_end = -1;
  const pid_t pause = start_cat(*cgroup, "/bin/allowed", write_end);
  close();
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
  open();
  BOOST_TEST(enforcer().unenrolled() == USHER_UNENROLLED_DENY);
  BOOST_TEST(enforcer().exempt_slot() != 0U);
  BOOST_TEST(enforcer().enrolled().empty());
  const auto holders = enforcer().holders();
  BOOST_REQUIRE(holders.has_value());
  BOOST_TEST(std::ranges::any_of(*holders, [&](const Handle& h) {
    return h.pid == static_cast<std::uint32_t>(pause) && h.workload == enforcer().exempt_slot();
  }));
  BOOST_TEST(verdicts().size() == 1U);
  profile = enforcer().publish(denial_of({"/bin/denied", "/bin/allowed"})).value();
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
  profile = 0;
  answer(USHER_UNENROLLED_ALLOW);
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
  ::close(write_end);
  (void)wait_for(pause);
}

BOOST_FIXTURE_TEST_CASE(more_programs_than_there_is_room_for_are_an_error, Pods) {
  Unenrolled wanted = rules(USHER_UNENROLLED_DENY);
  wanted.programs.resize(USHER_EXEMPT_PROGRAMS + 1, "/pause");
  BOOST_TEST(!enforcer().set_unenrolled(wanted).has_value());
  BOOST_TEST(enforcer().unenrolled() == USHER_UNENROLLED_ALLOW);
}

BOOST_AUTO_TEST_SUITE_END()
