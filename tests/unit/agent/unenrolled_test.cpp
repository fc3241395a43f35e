#include "agent/unenrolled.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "agent/kernel_events.hpp"
#include "doubles.hpp"

using namespace usher::agent;        // NOLINT
using namespace usher::agent::test;  // NOLINT

namespace {

constexpr std::chrono::hours kLong{1};

struct Pods : World {
  UnenrolledPods pods(std::uint32_t answer) {
    return UnenrolledPods(loop, enforcer, journal,
                          {.answer = answer,
                           .pause_programs = {"/pause"},
                           .pod_cgroups = {"no-such-cgroup-is-here"},
                           .agent_cgroup = 9,
                           .agent_program = {},
                           .next_pod_problem = {}});
  }
  void run() {
    loop.restart();
    loop.poll();
  }
};

usher::enforce::Unenrolled denied() {
  usher::enforce::Unenrolled answer;
  answer.answer = USHER_UNENROLLED_DENY;
  return answer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unenrolled)

BOOST_FIXTURE_TEST_CASE(deny_waits_until_every_adapter_has_told_what_runs, Pods) {
  auto held = pods(USHER_UNENROLLED_DENY);
  BOOST_REQUIRE(held.start(profiles, {"containerd", "cri-o"}, kLong).has_value());
  BOOST_TEST(enforcer.unenrolled() == USHER_UNENROLLED_ALLOW);
  BOOST_TEST(held.warnings().size() == 2U);  // not in force yet; no such cgroup
  held.synced("containerd");
  held.synced("containerd");
  run();
  BOOST_TEST(enforcer.unenrolled() == USHER_UNENROLLED_ALLOW);
  bool tagged = false;
  asio::post(loop, [&] { tagged = enforcer.unenrolled() == USHER_UNENROLLED_ALLOW; });
  held.synced("cri-o");
  run();
  BOOST_TEST(tagged);  // what was in the loop came first
  BOOST_TEST(enforcer.unenrolled() == USHER_UNENROLLED_DENY);
  BOOST_TEST(enforcer.unenrolled_rules().agent_cgroup == 9U);
  BOOST_TEST(enforcer.unenrolled_rules().programs == std::vector<std::string>{"/pause"});
  BOOST_TEST(enforcer.unenrolled_rules().profile != 0U);
  BOOST_TEST(held.warnings().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(an_agent_in_a_pod_denies_only_where_its_next_pod_would_start, Pods) {
  const auto starts = [&](std::uint32_t answer, std::uint64_t own_pod, const char* problem) {
    UnenrolledPods held(loop, enforcer, journal,
                        {.answer = answer,
                         .pause_programs = {},
                         .pod_cgroups = {"x"},
                         .agent_cgroup = own_pod,
                         .agent_program = "/usr/sbin/usherd",
                         .next_pod_problem = problem});
    return held.start(profiles, {}, kLong);
  };
  BOOST_REQUIRE(enforcer.set_unenrolled(denied()).has_value());
  const auto refused = starts(USHER_UNENROLLED_DENY, 9, "it lacks this");
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST(refused.error().message.find("it lacks this; mend that, or set") != std::string::npos);
  BOOST_TEST(enforcer.unenrolled() == USHER_UNENROLLED_DENY);  // what is in force stays
  BOOST_TEST(starts(USHER_UNENROLLED_AUDIT, 9, "it lacks this").has_value());
  BOOST_TEST(starts(USHER_UNENROLLED_DENY, 9, "").has_value());
  BOOST_TEST(enforcer.unenrolled_rules().agent_program == "/usr/sbin/usherd");
}

BOOST_FIXTURE_TEST_CASE(it_does_not_wait_for_ever_and_says_for_whom_it_did, Pods) {
  auto held = pods(USHER_UNENROLLED_DENY);
  BOOST_REQUIRE(held.start(profiles, {"containerd"}, std::chrono::milliseconds(1)).has_value());
  loop.restart();
  loop.run();
  BOOST_TEST(enforcer.unenrolled() == USHER_UNENROLLED_DENY);
  BOOST_TEST(log_text.str().find("containerd did not tell") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(what_is_in_force_stays_while_an_agent_comes_back, Pods) {
  BOOST_REQUIRE(enforcer.set_unenrolled(denied()).has_value());
  enforcer.calls.clear();
  auto held = pods(USHER_UNENROLLED_DENY);
  BOOST_REQUIRE(held.start(profiles, {"containerd"}, kLong).has_value());
  BOOST_TEST(enforcer.unenrolled() == USHER_UNENROLLED_DENY);
  BOOST_TEST(std::ranges::count(enforcer.calls, "unenrolled 0") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_milder_answer_holds_at_once, Pods) {
  BOOST_REQUIRE(enforcer.set_unenrolled(denied()).has_value());
  auto held = pods(USHER_UNENROLLED_ALLOW);
  BOOST_REQUIRE(held.start(profiles, {"containerd"}, kLong).has_value());
  BOOST_TEST(enforcer.unenrolled() == USHER_UNENROLLED_ALLOW);
  BOOST_TEST(enforcer.unenrolled_rules().profile == 0U);
  BOOST_TEST(held.warnings().empty());
}

BOOST_FIXTURE_TEST_CASE(an_event_is_named_by_its_cgroup_or_by_the_names_that_came_with_it, Pods) {
  usher_kernel_event record{};
  record.type = USHER_EVENT_VERDICT;
  record.rule = USHER_RULE_UNENROLLED;
  record.kind = USHER_EXEC;
  record.verdict = USHER_DENIED;
  const std::string path = "/bin/sh";
  const std::string names("kubepods\0podab-cd\0c0ffee\0", 25);
  record.path_len = static_cast<__u16>(path.size());
  record.args_len = static_cast<__u16>(names.size());
  std::ranges::copy(path + names, record.data);
  auto event = decode_verdict(record, registry, rules, 0);
  BOOST_TEST(event.arguments_size() == 0);
  BOOST_TEST(event.rule() == "(built in: a pod that nobody enrolled)");
  name_by_cgroup(record, "", event);
  BOOST_TEST(event.pod_uid() == "ab-cd");
  BOOST_TEST(event.container_id() == "c0ffee");
  BOOST_TEST(
      event.message() ==
      "deny: exec /bin/sh in a pod that nobody enrolled, in cgroup /kubepods/podab-cd/c0ffee");
  auto again = decode_verdict(record, registry, rules, 0);
  name_by_cgroup(record, "/x/kubepods/podef/beef", again);
  BOOST_TEST(again.pod_uid() == "ef");
}

BOOST_AUTO_TEST_SUITE_END()
