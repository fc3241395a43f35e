// The session's life: how it is opened, taken up again, and what ends it.
#include <fstream>

#include "base/file.hpp"
#include "session_fixture.hpp"

namespace usher::guest::test {

BOOST_FIXTURE_TEST_SUITE(session, SessionFixture)

BOOST_AUTO_TEST_CASE(it_says_what_the_guest_can_do_and_puts_the_policies_in_force) {
  relay.policies = {{"one", "text of one"}, {"two", "text of two"}};
  relay.generation = 7;
  bool ready = false;
  session->when_open([&] { ready = true; });
  start();
  BOOST_TEST(ready);
  const auto& hello = relay.hellos.at(0);
  BOOST_TEST(hello.protocol() == 1U);
  BOOST_TEST(hello.token().empty());
  BOOST_TEST(hello.backend() == "tracepoint");
  BOOST_TEST(hello.enforces() == 5U);
  BOOST_TEST(hello.trouble() == "no LSM");
  BOOST_TEST(hello.kernel() == "6.12.0");
  BOOST_REQUIRE(sets.size() == 1U);
  BOOST_TEST(sets[0].generation == 7U);
  BOOST_TEST(sets[0].texts.at("two") == "text of two");
  BOOST_TEST(relay.applied.at(0).generation() == 7U);
  BOOST_TEST(relay.applied.at(0).problems_size() == 0);
}

BOOST_AUTO_TEST_CASE(its_token_is_kept_for_root_alone_and_takes_it_up_again) {
  start();
  BOOST_TEST(*read_file(token_file()) == relay.token);
  const auto mode = std::filesystem::status(token_file()).permissions();
  BOOST_TEST((mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)));
  relay.drop();
  BOOST_REQUIRE(until([&] { return relay.hellos.size() == 2 && session->open(); }));
  BOOST_TEST(relay.hellos[1].token() == relay.token);

  // So does the next agent.
  session->stop();
  session = make_session();
  session->start();
  BOOST_REQUIRE(until([&] { return relay.hellos.size() == 3 && session->open(); }));
  BOOST_TEST(relay.hellos[2].token() == relay.token);
}

BOOST_AUTO_TEST_CASE(a_token_that_could_not_be_kept_is_kept_later) {
  // A directory of that name: it is no token, and nothing can be renamed over it.
  std::filesystem::create_directory(token_file());
  session->start();
  BOOST_REQUIRE(until([&] { return relay.hellos.size() >= 2; }));
  BOOST_TEST(!session->open());
  BOOST_TEST(relay.hellos.back().token() == relay.token);
  std::filesystem::remove(token_file());
  BOOST_REQUIRE(until([&] { return session->open(); }));
  BOOST_TEST(*read_file(token_file()) == relay.token);
}

BOOST_AUTO_TEST_CASE(a_token_file_that_is_none_is_told_and_not_used) {
  std::ofstream(token_file()) << "short";
  start();
  BOOST_TEST(relay.hellos.at(0).token().empty());
  BOOST_TEST(has(said.at(0), "has not 32 bytes"));
}

BOOST_AUTO_TEST_CASE(a_relay_that_comes_late_is_found) {
  relay.unlisten();
  session->start();
  BOOST_REQUIRE(until([&] { return !said.empty(); }));
  BOOST_TEST(!session->open());
  BOOST_TEST(has(session->problem(), "cannot reach the relay at unix:"));
  relay.listen();
  BOOST_TEST(until([&] { return session->open(); }));
  BOOST_TEST(session->problem().empty());
}

BOOST_AUTO_TEST_CASE(a_relay_that_refuses_the_session_is_asked_again_and_the_reason_told_once) {
  relay.welcomes = false;
  session->start();
  BOOST_REQUIRE(until([&] { return relay.hellos.size() >= 4; }));
  BOOST_TEST(!session->open());
  BOOST_TEST(said.size() == 1U);
  BOOST_TEST(has(said[0], "the session was not opened"));
}

BOOST_AUTO_TEST_CASE(what_is_no_frame_ends_the_session_which_then_begins_anew) {
  start();
  const std::vector<std::string> nonsense{
      std::string("\0\0\0\0", 4),                // an empty frame
      std::string("\0\1\0\1", 4),                // one byte more than a frame may have
      std::string("\xff\xff\xff\xff", 4),        //
      frame_of("\x0a\xff\xff"),                  // a length that goes beyond the frame
      frame_of(std::string("\xfa\x01\x00", 3)),  // a word of another protocol
  };
  std::size_t sessions = 1;
  for (const auto& bytes : nonsense) {
    relay.send_raw(bytes);
    ++sessions;
    BOOST_TEST(until([&] { return relay.hellos.size() == sessions && session->open(); }));
  }
}

BOOST_AUTO_TEST_CASE(a_second_welcome_ends_the_session) {
  start();
  v1::FromHost again;
  again.mutable_welcome()->set_protocol(1);
  again.mutable_welcome()->set_token(relay.token);
  relay.send(again);
  BOOST_TEST(until([&] { return relay.hellos.size() == 2 && session->open(); }));
}

BOOST_AUTO_TEST_CASE(a_token_of_another_length_is_no_welcome) {
  relay.token = "short";
  session->start();
  BOOST_REQUIRE(until([&] { return !said.empty(); }));
  BOOST_TEST(has(said[0], "did not welcome this guest"));
  BOOST_TEST(!std::filesystem::exists(token_file()));
}

BOOST_AUTO_TEST_CASE(what_is_told_waits_for_the_next_session_and_is_bounded) {
  session->start();  // but the loop does not run
  std::size_t taken = 0;
  while (session->tell("event " + std::to_string(taken))) {
    ++taken;
  }
  BOOST_TEST(taken == Outbox::kFrames);
  BOOST_TEST(session->dropped() == 1U);
  BOOST_TEST(!session->tell(std::string(Session::kEvent + 1, 'x')));
  BOOST_REQUIRE(until([&] { return relay.told.size() == taken; }));
  BOOST_TEST(relay.told.front() == "event 0");
  BOOST_TEST(session->tell(std::string(Session::kEvent, 'x')));
  session->report("c1", v1::Report::STAGE_RUNNING);
  BOOST_REQUIRE(until([&] { return !relay.reports.empty(); }));
  BOOST_TEST(relay.told.back().size() == Session::kEvent);
  BOOST_TEST(relay.reports[0].container_id() == "c1");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::guest::test
