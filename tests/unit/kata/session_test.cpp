// A guest with an agent: one session for the sandbox.
#include <boost/test/unit_test.hpp>

#include "relay_fixture.hpp"

namespace usher::kata::test {
namespace {

struct Fixture : RelayFixture {
  std::string a = id('a');

  Fixture() {
    start();
    listen_for(a);
  }
  v1::FromHost claim(Opened& session, const std::string& container, char nonce = 'n') {
    BOOST_REQUIRE(session.caller.say(claim_of(container, nonce)));
    return next(session.caller);
  }
};

BOOST_FIXTURE_TEST_SUITE(a_session, Fixture)

BOOST_AUTO_TEST_CASE(is_welcomed_and_told_what_there_is) {
  auto session = open_session(a);
  BOOST_TEST(session.token.size() == kTokenSize);
  BOOST_REQUIRE(host.sessions.contains(a));
  const auto& told = host.sessions[a];
  BOOST_TEST(told.backend == "lsm");
  BOOST_TEST(told.kernel == "6.12");
  BOOST_TEST(told.enforces == USHER_GUEST_ENFORCES_EXEC);
  BOOST_TEST(told.trouble == "");
}

BOOST_AUTO_TEST_CASE(hears_policies_before_the_verdict_that_needs_them) {
  auto session = open_session(a);
  creates(a, "app");
  host.policies = {5, {{"lockdown", "text"}}};
  const auto policies = claim(session, "app").policies();
  BOOST_TEST(policies.generation() == 5U);
  BOOST_REQUIRE(policies.policies_size() == 1);
  BOOST_TEST(policies.policies(0).text() == "text");
  const auto verdict = next(session.caller).verdict();
  BOOST_TEST(verdict.word() == v1::Verdict::WORD_GO);
  BOOST_TEST(verdict.generation() == 5U);
  BOOST_TEST(verdict.identity().pod_namespace() == "payments");
  BOOST_TEST(verdict.identity().pod_labels().at("app") == "api");
  BOOST_TEST(verdict.identity().runtime() == "containerd");
  BOOST_TEST(host.claimed.back().backend == "lsm");
  BOOST_TEST(host.claimed.back().enforces == USHER_GUEST_ENFORCES_EXEC);
  // The same set is not sent again.
  creates(a, "side");
  BOOST_TEST(claim(session, "side", 'm').has_verdict());
}

BOOST_AUTO_TEST_CASE(has_no_claim_granted_that_it_cannot_be_told) {
  auto session = open_session(a);
  creates(a, "app");
  host.labels["long"] = std::string(100'000, 'l');
  const auto verdict = claim(session, "app").verdict();
  BOOST_TEST(verdict.word() == v1::Verdict::WORD_REFUSE);
  BOOST_TEST(verdict.message().find("labels") != std::string::npos);
  BOOST_TEST(host.reported.at(0) == a + " app " + std::to_string(USHER_GUEST_ENDED));
}

BOOST_AUTO_TEST_CASE(hears_policies_when_they_change) {
  auto session = open_session(a);
  relay->policies(a, {9, {{"new", "n"}}});
  BOOST_TEST(next(session.caller).policies().generation() == 9U);
  v1::FromGuest applied;
  applied.mutable_applied()->set_generation(9);
  session.caller.say(applied);
  until([&] { return host.sessions[a].applied == 9; });
  applied.mutable_applied()->add_problems("no lsm here");
  session.caller.say(applied);
  until([&] { return host.sessions[a].problem == "no lsm here"; });
  BOOST_TEST(host.sessions[a].applied == 9U);
}

BOOST_AUTO_TEST_CASE(reports_and_tells) {
  auto session = open_session(a);
  v1::FromGuest word;
  word.mutable_report()->set_container_id("app");
  word.mutable_report()->set_stage(v1::Report::STAGE_ENDED);
  session.caller.say(word);
  word.mutable_told()->set_event("an event");
  session.caller.say(word);
  until([&] { return !host.told.empty(); });
  BOOST_TEST(host.told[0] == a + " an event");
  BOOST_TEST(host.reported.at(0) == a + " app " + std::to_string(USHER_GUEST_ENDED));
}

BOOST_AUTO_TEST_CASE(is_the_only_one) {
  auto session = open_session(a);
  Caller second = call(a);
  second.say(hello_with());
  ends(second);
  BOOST_TEST(second.words.empty());
  BOOST_TEST(host.has_warned("guest-second-session"));
  creates(a, "app");
  BOOST_TEST(claim(session, "app").has_policies());  // it goes on
}

BOOST_AUTO_TEST_CASE(is_not_taken_up_with_a_wrong_token) {
  auto session = open_session(a);
  Caller second = call(a);
  second.say(hello_with(std::string(kTokenSize, 'x')));
  ends(second);
  BOOST_TEST(host.has_warned("guest-bad-token"));
}

BOOST_AUTO_TEST_CASE(bears_no_claim_beside_it) {
  auto session = open_session(a);
  creates(a, "app");
  const auto verdict = ask(a, claim_of("app", 'b'));
  BOOST_TEST(verdict.word() == v1::Verdict::WORD_REFUSE);
  BOOST_TEST(host.has_warned("guest-claim-beside-session"));
  BOOST_TEST(host.claimed.empty());
  // Nor when it has broken off.
  session.caller.hang_up();
  until([&] { return host.sessions[a].trouble.find("not connected") != std::string::npos; });
  BOOST_TEST(ask(a, claim_of("app", 'c')).word() == v1::Verdict::WORD_REFUSE);
}

BOOST_AUTO_TEST_CASE(is_not_opened_after_the_first_claim) {
  BOOST_TEST(ask(a, claim_of(a)).word() == v1::Verdict::WORD_GO);
  Caller late = call(a);
  late.say(hello_with());
  ends(late);
  BOOST_TEST(host.has_warned("guest-late-session"));
  BOOST_TEST(!host.sessions.contains(a));
}

BOOST_AUTO_TEST_CASE(is_not_opened_while_a_claim_waits) {
  host.silent = true;
  Caller claiming = call(a);
  claiming.say(claim_of(a));
  until([&] { return !host.kept.empty(); });
  Caller late = call(a);
  late.say(hello_with());
  ends(late);
  BOOST_TEST(host.has_warned("guest-late-session"));
  host.answer_kept("no", 0);
}

BOOST_AUTO_TEST_CASE(is_opened_after_a_claim_that_was_refused) {
  ask(a, claim_of("nobody"));
  open_session(a);
  BOOST_TEST(host.sessions.contains(a));
}

BOOST_AUTO_TEST_CASE(is_not_opened_once_a_container_runs) {
  relay->container(USHER_EVENT_CONTAINER_RUNNING, container(a, "app"));
  Caller late = call(a);
  late.say(hello_with());
  ends(late);
  BOOST_TEST(host.has_warned("guest-late-session"));
}

BOOST_AUTO_TEST_CASE(is_taken_up_again_with_its_token) {
  auto first = open_session(a);
  creates(a, "app");
  claim(first, "app");
  const auto token = first.token;
  first.caller.hang_up();
  auto again = open_session(a, token);
  BOOST_TEST(again.token == token);
  BOOST_TEST(host.sessions[a].trouble == "");
  creates(a, "side");
  BOOST_TEST(claim(again, "side", 'm').has_verdict());
}

BOOST_AUTO_TEST_CASE(is_taken_up_from_one_that_has_not_noticed_its_end) {
  auto first = open_session(a);
  auto again = open_session(a, first.token);
  ends(first.caller);
  creates(a, "app");
  BOOST_TEST(claim(again, "app").has_policies());
}

BOOST_AUTO_TEST_CASE(is_taken_up_after_the_agent_was_started_anew) {
  auto first = open_session(a);
  creates(a, "app");
  claim(first, "app");
  const auto kept = fs::path(options.run_dir) / "kata" / a;
  BOOST_REQUIRE(fs::exists(kept));
  BOOST_TEST((fs::status(kept).permissions() == (fs::perms::owner_read | fs::perms::owner_write)));
  relay.reset();
  ends(first.caller);
  host.sessions.clear();
  start();
  BOOST_TEST(host.sessions[a].trouble.find("not connected") != std::string::npos);
  BOOST_TEST(host.sessions[a].away);
  // Else its policies would be judged by a kernel that can do nothing.
  BOOST_TEST(host.sessions[a].backend == "lsm");
  BOOST_TEST(host.sessions[a].enforces == USHER_GUEST_ENFORCES_EXEC);
  {
    Caller second = call(a);
    second.say(hello_with());
    ends(second);
  }
  // What is in force in the guest stays until the agent says what is to be.
  Caller again = call(a);
  again.say(hello_with(first.token));
  BOOST_TEST(next(again).welcome().token() == first.token);
  const auto policies = next(again).policies();
  BOOST_TEST(policies.generation() == 0U);
  BOOST_TEST(policies.policies_size() == 0);
}

BOOST_AUTO_TEST_CASE(ends_with_its_sandbox) {
  auto session = open_session(a);
  fs::remove_all(base / a);
  ends(session.caller);
  BOOST_TEST(!host.sessions.contains(a));
  BOOST_TEST(!fs::exists(fs::path(options.run_dir) / "kata" / a));
}

BOOST_AUTO_TEST_CASE(of_another_protocol_is_closed_and_reported) {
  Caller caller = call(a);
  auto hello = hello_with();
  hello.mutable_hello()->set_protocol(2);
  caller.say(hello);
  ends(caller);
  until([&] { return host.has_warned("guest-protocol"); });
}

BOOST_AUTO_TEST_CASE(that_does_not_read_is_given_up) {
  auto session = open_session(a);
  const std::string big(kMaxPolicyBytes - 1024, 'x');
  relay->policies(a, {2, {{"big", big}}});
  relay->policies(a, {3, {{"big", big}}});
  until([&] { return host.sessions[a].trouble.find("not connected") != std::string::npos; });
}

BOOST_AUTO_TEST_SUITE_END()

struct Busy : RelayFixture {
  std::string a = id('a');
};

BOOST_FIXTURE_TEST_SUITE(a_session_that_says_too_much, Busy)

BOOST_AUTO_TEST_CASE(waits_and_is_reported_and_loses_nothing) {
  bounds.limits.frames_per_second = 20;
  start();
  listen_for(a);
  auto session = open_session(a);
  v1::FromGuest word;
  word.mutable_told()->set_event("e");
  for (int i = 0; i < 60; ++i) {
    BOOST_REQUIRE(session.caller.say(word));
  }
  until([&] { return host.told.size() == 60; });
  BOOST_TEST(host.has_warned("guest-limit"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata::test
