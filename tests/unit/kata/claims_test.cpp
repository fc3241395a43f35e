// A guest without an agent: one claim, one verdict, over real sockets.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>

#include "relay_fixture.hpp"

namespace usher::kata::test {
namespace {

struct Fixture : RelayFixture {
  std::string a = id('a');
  std::string b = id('b');

  Fixture() {
    start();
    listen_for(a);
  }
  bool is_refused(const v1::Verdict& verdict, std::string_view why) {
    BOOST_TEST_INFO(verdict.message());
    return verdict.word() == v1::Verdict::WORD_REFUSE &&
           verdict.message().find(why) != std::string::npos;
  }
};

BOOST_FIXTURE_TEST_SUITE(a_claim, Fixture)

BOOST_AUTO_TEST_CASE(of_a_container_that_is_being_created_there_goes) {
  creates(a, "app");
  const auto verdict = ask(a, claim_of("app", 'x', 42));
  BOOST_TEST(verdict.word() == v1::Verdict::WORD_GO);
  BOOST_TEST(verdict.ticket() == 42U);
  BOOST_TEST(verdict.container_id() == "app");
  BOOST_TEST(verdict.nonce() == std::string(kNonceSize, 'x'));
  BOOST_TEST(!verdict.has_identity());  // it asked for a word
  BOOST_REQUIRE(host.claimed.size() == 1U);
  BOOST_TEST(host.claimed[0].sandbox == a);
  BOOST_TEST(host.claimed[0].backend == "none");
  BOOST_TEST(host.claimed[0].enforces == 0U);
}

BOOST_AUTO_TEST_CASE(is_answered_once_and_then_the_connection_ends) {
  Caller caller = call(a);
  caller.say(claim_of(a));
  BOOST_TEST(next(caller).verdict().word() == v1::Verdict::WORD_GO);
  ends(caller);
}

BOOST_AUTO_TEST_CASE(of_another_sandboxs_container_is_refused) {
  listen_for(b);
  creates(b, "app");
  BOOST_TEST(is_refused(ask(a, claim_of("app")), "not known in this sandbox"));
  BOOST_TEST(ask(b, claim_of("app", 'o')).word() == v1::Verdict::WORD_GO);
}

BOOST_AUTO_TEST_CASE(of_an_unknown_container_is_asked_again_until_the_deadline) {
  BOOST_TEST(is_refused(ask(a, claim_of("nobody")), "no word within 300 ms"));
  BOOST_TEST(host.claimed.size() > 2U);
}

BOOST_AUTO_TEST_CASE(of_a_container_that_is_told_meanwhile_goes) {
  Caller caller = call(a);
  caller.say(claim_of("app"));
  until([&] { return !host.claimed.empty(); });
  creates(a, "app");
  BOOST_TEST(next(caller).verdict().word() == v1::Verdict::WORD_GO);
}

BOOST_AUTO_TEST_CASE(goes_once) {
  creates(a, "app");
  BOOST_TEST(ask(a, claim_of("app", '1')).word() == v1::Verdict::WORD_GO);
  BOOST_TEST(is_refused(ask(a, claim_of("app", '2')), "claimed before"));
}

BOOST_AUTO_TEST_CASE(with_a_nonce_that_was_used_is_refused_and_reported) {
  creates(a, "app");
  creates(a, "other");
  ask(a, claim_of("app", '1'));
  BOOST_TEST(is_refused(ask(a, claim_of("other", '1')), "nonce"));
  BOOST_TEST(host.has_warned("guest-replay"));
  BOOST_TEST(host.claimed.size() == 1U);  // the agent was not asked
}

BOOST_AUTO_TEST_CASE(that_the_agent_does_not_answer_is_refused_in_time) {
  host.silent = true;
  const auto begun = std::chrono::steady_clock::now();
  BOOST_TEST(is_refused(ask(a, claim_of(a)), "did not answer"));
  BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(2000)));
  host.answer_kept("too late", 0);  // reaches nobody
}

BOOST_AUTO_TEST_CASE(whose_virtual_machine_is_gone_before_the_verdict_hurts_nobody) {
  host.silent = true;
  {
    Caller caller = call(a);
    caller.say(claim_of(a));
    until([&] { return !host.kept.empty(); });
  }
  host.run_ready();
  host.answer_kept("late", 0);
  host.silent = false;
  creates(a, "app");
  BOOST_TEST(ask(a, claim_of("app", 'o')).word() == v1::Verdict::WORD_GO);
}

// A hook that has given up has killed the container.
BOOST_AUTO_TEST_CASE(is_dropped_with_its_connection) {
  {
    Caller caller = call(a);
    caller.say(claim_of("app"));
    until([&] { return !host.claimed.empty(); });
  }
  host.run_ready();
  host.run_ready();
  host.claimed.clear();
  creates(a, "app");
  host.run_ready();
  BOOST_TEST(host.claimed.empty());
  BOOST_TEST(ask(a, claim_of("app", 'o')).word() == v1::Verdict::WORD_GO);
}

BOOST_AUTO_TEST_CASE(that_is_granted_when_nobody_waits_is_taken_back) {
  host.silent = true;
  {
    Caller caller = call(a);
    caller.say(claim_of("app"));
    until([&] { return !host.kept.empty(); });
  }
  host.run_ready();
  host.run_ready();
  host.grant_kept(a, "app");
  BOOST_REQUIRE(host.reported.size() == 1U);
  BOOST_TEST(host.reported[0] == a + " app " + std::to_string(USHER_GUEST_ENDED));
  // It was let start by nobody's word that was heard.
  relay->container(USHER_EVENT_CONTAINER_STARTING, container(a, "app"));
  relay->container(USHER_EVENT_CONTAINER_RUNNING, container(a, "app"));
  until([&] { return host.has_warned("guest-missing"); });
}

BOOST_AUTO_TEST_CASE(that_cannot_be_noted_is_refused_and_taken_back) {
  scratch.write("run/kata", "no directory");
  creates(a, "app");
  BOOST_TEST(is_refused(ask(a, claim_of("app")), "could not note it"));
  BOOST_REQUIRE(host.reported.size() == 1U);
  BOOST_TEST(host.reported[0] == a + " app " + std::to_string(USHER_GUEST_ENDED));
  relay->container(USHER_EVENT_CONTAINER_RUNNING, container(a, "app"));
  until([&] { return host.has_warned("guest-missing"); });
}

BOOST_AUTO_TEST_CASE(that_is_malformed_ends_the_connection_and_is_reported) {
  for (const std::string& bytes :
       {std::string(4, '\0'), std::string("\0\1\0\1", 4) + "x", frame("\xff\xff"),
        frame(std::string("\x7a\x01x")), frame(v1::FromGuest().SerializeAsString() + "\x1a")}) {
    host.warned.clear();
    // A window of its own for each: warnings are counted, not repeated for ever.
    Caller caller = call(a);
    caller.send_bytes(bytes);
    ends(caller);
    BOOST_TEST(caller.words.empty());
  }
  BOOST_TEST(host.claimed.empty());
}

BOOST_AUTO_TEST_CASE(that_is_malformed_is_reported_with_its_sandbox) {
  Caller caller = call(a);
  caller.send_bytes(std::string(4, '\0'));
  ends(caller);
  until([&] { return host.has_warned("guest-protocol"); });
  BOOST_TEST(host.warned.front().sandbox == a);
}

BOOST_AUTO_TEST_CASE(that_is_followed_by_another_ends_the_connection) {
  host.silent = true;
  Caller caller = call(a);
  caller.say(claim_of(a, '1'));
  caller.say(claim_of(a, '2'));
  ends(caller);
  until([&] { return host.has_warned("guest-protocol"); });
  host.answer_kept("late", 0);
}

BOOST_AUTO_TEST_CASE(is_not_what_a_report_begins_with) {
  Caller caller = call(a);
  v1::FromGuest report;
  report.mutable_report()->set_container_id("c");
  report.mutable_report()->set_stage(v1::Report::STAGE_RUNNING);
  caller.say(report);
  ends(caller);
  BOOST_TEST(host.reported.empty());
}

BOOST_AUTO_TEST_CASE(needs_a_peer_in_the_sandboxs_cgroup) {
  put_process(::getpid(), "/kubepods/podx/" + b);  // another sandbox's
  Caller caller(socket_of(a));
  caller.say(claim_of(a));
  ends(caller);
  BOOST_TEST(host.claimed.empty());
  BOOST_TEST(host.has_warned("guest-peer"));
}

BOOST_AUTO_TEST_CASE(is_asked_again_at_once_for_news_of_its_own_sandbox_alone) {
  std::map<std::string, int> asked;
  Claims claims(host.loop(),
                [&](const plugin::GuestClaim& claim, const plugin::Guests::Answer& answer) {
                  ++asked[std::string(claim.sandbox_id)];
                  const plugin::Failure why("not known", USHER_FAILED, EAGAIN);
                  answer(nullptr, &why);
                },
                std::chrono::seconds(60), {}, {});
  for (const auto& sandbox : {a, id('b')}) {
    claims.ask({.sandbox = [sandbox] { return sandbox; }, .container_id = "app"},
               [](const auto*, const auto&) {});
  }
  claims.hurry(a);
  BOOST_TEST(asked[a] == 2);
  BOOST_TEST(asked[id('b')] == 1);
  claims.stop();
}

BOOST_AUTO_TEST_CASE(survives_a_new_agent_with_what_was_granted) {
  creates(a, "app");
  ask(a, claim_of("app", '1'));
  relay.reset();
  BOOST_TEST(!fs::exists(socket_of(a)));
  start();
  BOOST_REQUIRE(fs::exists(socket_of(a)));  // the directory was there
  // A session may not be opened any more.
  Caller caller = call(a);
  caller.say(hello_with());
  ends(caller);
  BOOST_TEST(host.has_warned("guest-late-session"));
}

BOOST_AUTO_TEST_SUITE_END()

struct Tight : RelayFixture {
  std::string a = id('a');
};

BOOST_FIXTURE_TEST_SUITE(limits, Tight)

BOOST_AUTO_TEST_CASE(who_says_nothing_is_closed_and_reported) {
  bounds.first_frame = std::chrono::milliseconds(20);
  start();
  listen_for(a);
  Caller caller = call(a);
  ends(caller);
  BOOST_TEST(host.has_warned("guest-silent"));
}

BOOST_AUTO_TEST_CASE(a_frame_that_comes_byte_by_byte_does_not_stretch_the_deadline) {
  bounds.first_frame = std::chrono::milliseconds(50);
  start();
  listen_for(a);
  Caller caller = call(a);
  const auto bytes = frame(claim_of(a).SerializeAsString());
  caller.send_bytes(std::string_view(bytes).substr(0, bytes.size() - 1));
  ends(caller);
  BOOST_TEST(host.claimed.empty());
}

BOOST_AUTO_TEST_CASE(connections_at_a_time) {
  bounds.limits.connections = 2;
  start();
  listen_for(a);
  Caller one = call(a);
  Caller two = call(a);
  Caller three = call(a);
  ends(three);
  BOOST_TEST(host.has_warned("guest-limit"));
  one.say(claim_of(a));
  BOOST_TEST(next(one).verdict().word() == v1::Verdict::WORD_GO);
}

BOOST_AUTO_TEST_CASE(connections_in_a_short_time) {
  bounds.limits.connections_per_second = 1;
  start();
  listen_for(a);
  std::vector<Caller> callers;
  for (int i = 0; i < 4; ++i) {
    callers.push_back(call(a));
  }
  ends(callers.back());
  BOOST_TEST(host.has_warned("guest-limit"));
}

BOOST_AUTO_TEST_CASE(claims_in_a_minute) {
  bounds.limits.claims_per_minute = 2;
  start();
  listen_for(a);
  BOOST_TEST(ask(a, claim_of(a, '1')).word() == v1::Verdict::WORD_GO);
  BOOST_TEST(ask(a, claim_of(a, '2')).message().find("too many claims") != std::string::npos);
  BOOST_TEST(host.has_warned("guest-limit"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata::test
