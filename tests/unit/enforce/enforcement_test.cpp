#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "kernel_fixture.hpp"

using namespace usher::enforce;           // NOLINT
using namespace usher::enforce::testing;  // NOLINT

namespace {

std::vector<usher_kernel_event> events_of(Enforcer& enforcer) {
  std::vector<usher_kernel_event> events;
  BOOST_REQUIRE(
      enforcer.consume([&](const usher_kernel_event& e) { events.push_back(e); }).has_value());
  return events;
}

bool carried(Enforcer& enforcer, std::uint32_t slot) {
  const auto holders = enforcer.holders();
  BOOST_REQUIRE(holders.has_value());
  return std::ranges::any_of(*holders, [&](const Handle& h) { return h.workload == slot; });
}

struct Enrolled : KernelFixture {
  Enrolled() {
    open();
    cgroup = std::make_unique<ScratchCgroup>(enforcer().cgroup_root());
    profile = enforcer().publish(denial_of({"/bin/denied"})).value();
    slot = enforcer().enrol(cgroup->placement(), profile, 0).value();
  }
  std::unique_ptr<ScratchCgroup> cgroup;
  std::uint32_t profile = 0;
  std::uint32_t slot = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(enforcement, *boost::unit_test::precondition(kernel_takes_bpf))

BOOST_FIXTURE_TEST_CASE(a_denied_program_does_not_run_and_another_does, Enrolled) {
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
  BOOST_TEST(run(*cgroup, {"/bin/allowed", "true"}).exit_code == 0);
}

BOOST_FIXTURE_TEST_CASE(pins_that_somebody_removes_end_nothing_as_long_as_the_agent_runs,
                        Enrolled) {
  const auto told = [&] {
    return std::ranges::any_of(enforcer().warnings(), [](const std::string& warning) {
      return warning.find("are gone") != std::string::npos;
    });
  };
  BOOST_TEST(!told());
  std::filesystem::remove_all(pins());
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
  BOOST_TEST(told());
}

BOOST_FIXTURE_TEST_CASE(a_process_outside_the_cgroup_is_left_alone, Enrolled) {
  const ScratchCgroup outside(enforcer().cgroup_root());
  BOOST_TEST(run(outside, {"/bin/denied", "true"}).exit_code == 0);
}

// The kernel gives the lowest free number to the next namespace, so that a stranger gets the one of
// a container that has just ended, while the agent does not know yet that it has.
BOOST_FIXTURE_TEST_CASE(a_mount_namespace_is_not_known_by_its_number_alone, KernelFixture) {
  open();
  const ScratchCgroup cgroup(enforcer().cgroup_root());
  const ScratchCgroup outside(enforcer().cgroup_root());
  const auto profile = enforcer().publish(denial_of({"/bin/denied"})).value();
  auto mounts = std::make_unique<MountNamespace>();
  auto placement = cgroup.placement();
  placement.mntns = mounts->number();
  BOOST_REQUIRE(enforcer().enrol(placement, profile, 0).has_value());
  BOOST_TEST(run(cgroup, {"/bin/allowed", "true"}, mounts.get()).exit_code == 0);
  BOOST_TEST(run(outside, {"/bin/denied", "true"}, mounts.get()).denied());
  mounts.reset();
  std::vector<std::unique_ptr<MountNamespace>> others;  // kept: each takes a number away
  while (others.empty() || others.back()->number() != placement.mntns) {
    BOOST_REQUIRE_LT(others.size(), 64U);
    others.push_back(std::make_unique<MountNamespace>());
  }
  BOOST_TEST(run(outside, {"/bin/denied", "true"}, others.back().get()).exit_code == 0);
}

BOOST_FIXTURE_TEST_CASE(a_denial_is_told_with_workload_rule_and_path, Enrolled) {
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
  pollfd ready{.fd = enforcer().events_fd(), .events = POLLIN, .revents = 0};
  BOOST_REQUIRE(::poll(&ready, 1, 5000) == 1);
  const auto events = events_of(enforcer());
  const auto denial = std::ranges::find_if(
      events, [](const usher_kernel_event& e) { return e.type == USHER_EVENT_VERDICT; });
  BOOST_REQUIRE((denial != events.end()));
  BOOST_TEST(denial->workload == slot);
  BOOST_TEST(denial->incarnation == enforcer().incarnation(slot));
  BOOST_TEST(denial->rule == USHER_RULE_FIRST);
  BOOST_TEST(denial->kind == USHER_EXEC);
  BOOST_TEST(denial->verdict >= USHER_DENIED);
  BOOST_TEST(std::string(denial->data, denial->path_len) == "/bin/denied");
}

BOOST_FIXTURE_TEST_CASE(a_switch_holds_from_the_next_operation_on, Enrolled) {
  const auto other = enforcer().publish(denial_of({"/bin/allowed"}));
  BOOST_REQUIRE(other.has_value());
  BOOST_REQUIRE(enforcer().switch_to(slot, *other).has_value());
  BOOST_TEST(run(*cgroup, {"/bin/allowed", "true"}).denied());
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
}

BOOST_FIXTURE_TEST_CASE(without_an_agent_the_denial_holds, Enrolled) {
  close();
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
  BOOST_TEST(run(*cgroup, {"/bin/allowed", "true"}).exit_code == 0);
  open();
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).denied());
  BOOST_TEST(run(*cgroup, {"/bin/allowed", "true"}).exit_code == 0);
}

BOOST_FIXTURE_TEST_CASE(after_teardown_nothing_is_denied, Enrolled) {
  close();
  BOOST_REQUIRE(Enforcer::teardown(pins()).has_value());
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
}

BOOST_FIXTURE_TEST_CASE(a_released_workload_may_do_what_it_likes, Enrolled) {
  BOOST_REQUIRE(enforcer().release(slot).has_value());
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
}

BOOST_FIXTURE_TEST_CASE(in_audit_mode_nothing_is_denied_but_told, Enrolled) {
  BOOST_REQUIRE(enforcer().set_audit(true).has_value());
  BOOST_TEST(run(*cgroup, {"/bin/denied", "true"}).exit_code == 0);
  const auto events = events_of(enforcer());
  BOOST_TEST(std::ranges::any_of(events, [](const usher_kernel_event& e) {
    return e.verdict == USHER_WOULD_DENY && (e.flags & USHER_EVENT_NODE_AUDIT) != 0;
  }));
}

BOOST_FIXTURE_TEST_CASE(a_running_process_is_listed_until_it_ends, Enrolled) {
  int input = -1;
  const pid_t pid = start_cat(*cgroup, "/bin/allowed", input);
  const auto holders = enforcer().holders();
  BOOST_REQUIRE(holders.has_value());
  BOOST_TEST(std::ranges::any_of(*holders, [&](const Handle& h) {
    return h.pid == static_cast<std::uint32_t>(pid) && h.workload == slot;
  }));
  ::close(input);
  BOOST_TEST(wait_for(pid).exit_code == 0);
  BOOST_TEST(!carried(enforcer(), slot));
}

BOOST_FIXTURE_TEST_CASE(a_process_that_ran_before_its_enrolment_is_tagged, Enrolled) {
  const ScratchCgroup late(enforcer().cgroup_root());
  int input = -1;
  const pid_t pid = start_cat(late, "/bin/allowed", input);
  const auto enrolled = enforcer().enrol(late.placement(), profile, 0);
  BOOST_REQUIRE(enrolled.has_value());
  BOOST_TEST(!carried(enforcer(), *enrolled));
  const auto tagged = enforcer().tag_running();
  BOOST_REQUIRE(tagged.has_value());
  BOOST_TEST(*tagged == 1U);
  BOOST_TEST(carried(enforcer(), *enrolled));
  BOOST_TEST(enforcer().tag_running().value() == 0U);
  ::close(input);
  wait_for(pid);
}

BOOST_FIXTURE_TEST_CASE(the_tasks_of_one_container_are_tagged_without_the_others, Enrolled) {
  const ScratchCgroup one(enforcer().cgroup_root());
  const ScratchCgroup other(enforcer().cgroup_root());
  int input = -1;
  int other_input = -1;
  const pid_t pid = start_cat(one, "/bin/allowed", input);
  const pid_t other_pid = start_cat(other, "/bin/allowed", other_input);
  const auto of_one = enforcer().enrol(one.placement(), profile, 0);
  const auto of_other = enforcer().enrol(other.placement(), profile, 0);
  BOOST_REQUIRE((of_one.has_value() && of_other.has_value()));
  const auto tagged = enforcer().tag_running_in(one.placement());
  BOOST_TEST_REQUIRE(tagged.has_value(), (tagged ? "" : tagged.error().message));
  BOOST_TEST(*tagged == 1U);
  BOOST_TEST(carried(enforcer(), *of_one));
  BOOST_TEST(!carried(enforcer(), *of_other));
  for (const int end : {input, other_input}) {
    ::close(end);
  }
  wait_for(pid);
  wait_for(other_pid);
  BOOST_TEST(enforcer().tag_running_in(one.placement()).value() == 0U);
}

// Between its gate and its exec a container's cgroup holds its runtime's init, inside its root.
BOOST_FIXTURE_TEST_CASE(what_is_awaited_is_tagged_by_no_pass_until_it_has_begun, Enrolled) {
  const ScratchCgroup late(enforcer().cgroup_root());
  int input = -1;
  const pid_t pid = start_cat(late, "/bin/allowed", input);
  const auto awaited = enforcer().enrol(late.placement(), profile, USHER_WORKLOAD_AWAITED);
  BOOST_REQUIRE(awaited.has_value());
  BOOST_TEST(enforcer().tag_running().value() == 0U);
  BOOST_REQUIRE(enforcer().begun(*awaited).has_value());
  BOOST_TEST(enforcer().tag_running().value() == 1U);
  BOOST_TEST(carried(enforcer(), *awaited));
  ::close(input);
  wait_for(pid);
}

// Nobody need say that it runs: whoever execs in it is judged, and the others are its, too.
BOOST_FIXTURE_TEST_CASE(the_first_exec_of_what_is_awaited_is_judged_and_ends_the_wait, Enrolled) {
  const ScratchCgroup late(enforcer().cgroup_root());
  int input = -1;
  const pid_t pid = start_cat(late, "/bin/allowed", input);
  const auto awaited = enforcer().enrol(late.placement(), profile, USHER_WORKLOAD_AWAITED);
  BOOST_REQUIRE(awaited.has_value());
  close();
  BOOST_TEST(run(late, {"/bin/denied", "true"}).denied());
  open();
  BOOST_TEST(enforcer().tag_running().value() == 1U);
  ::close(input);
  wait_for(pid);
}

BOOST_FIXTURE_TEST_CASE(the_cgroups_removal_is_told_and_ends_the_enrolment, Enrolled) {
  const std::uint64_t id = cgroup->placement().cgroup_id;
  cgroup->remove();
  pollfd ready{.fd = enforcer().events_fd(), .events = POLLIN, .revents = 0};
  BOOST_REQUIRE(::poll(&ready, 1, 5000) == 1);
  const auto events = events_of(enforcer());
  BOOST_TEST(std::ranges::any_of(events, [&](const usher_kernel_event& e) {
    return e.type == USHER_EVENT_CGROUP_GONE && e.workload == slot && e.cgroup == id;
  }));
  BOOST_TEST(enforcer().end(slot).has_value());
  BOOST_TEST(enforcer().forget(slot).has_value());
  cgroup.reset();
}

BOOST_FIXTURE_TEST_CASE(what_the_rate_limit_held_back_is_counted_exactly, Enrolled) {
  constexpr std::uint64_t kRuns = 40;
  for (std::uint64_t i = 0; i < kRuns; ++i) {
    BOOST_REQUIRE(run(*cgroup, {"/bin/denied", "true"}).denied());
  }
  std::uint64_t told = 0;
  for (const usher_kernel_event& event : events_of(enforcer())) {
    told += event.type == USHER_EVENT_VERDICT ? 1 + event.suppressed : 0;
  }
  for (const auto& suppressed : enforcer().take_suppressed()) {
    BOOST_TEST(suppressed.workload == slot);
    told += suppressed.count;
  }
  BOOST_TEST(told == kRuns);
  BOOST_TEST(enforcer().take_suppressed().empty());
}

BOOST_AUTO_TEST_SUITE_END()
