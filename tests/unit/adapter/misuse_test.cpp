// An adapter that breaks a rule of plugin.h is refused, named in the log and counted, and the host
// goes on. The adapter is tests/abi/adapters/rude.c, which breaks one rule a time.
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>

#include "host_fixture.hpp"

using usher::test::HostFixture;
using usher::test::state_of;
using usher::test::test_adapter;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

struct Broken {
  const char* rule;
  const char* counter;
  const char* said;  // in the log
};
std::ostream& operator<<(std::ostream& out, const Broken& broken) {
  return out << broken.rule;
}

struct RudeFixture : HostFixture {
  usher::Result<> start_breaking(const std::string& rule) {
    usher::adapter::HostOptions options;
    options.automatic = false;
    options.selected = {test_adapter("rude")};
    options.config["rude"]["rule"] = rule;
    return make(options).start();
  }
};

// What it does within create or start.
constexpr Broken kAtStart[] = {
    {"null-event", "null_members", "gave no usher_event"},
    {"short-event", "short_structs", "gave a usher_event of 40 bytes; version 1.0's has 56"},
    {"zero-event", "short_structs", "gave a usher_event of 0 bytes"},
    {"short-identity", "short_structs", "gave a usher_identity of 16 bytes"},
    {"null-identity", "null_members", "gave no usher_identity"},
    {"null-string", "null_members", "gave pod_name as a null pointer"},
    {"wild-string", "wild_lengths", "gave pod_name of 18446744073709551615"},
    {"wild-labels", "wild_lengths", "gave pod_label_count of"},
    {"null-labels", "null_members", "gave pod_labels as a null pointer"},
    {"wild-kind", "bad_values", "published event kind 4000"},
    {"wild-flags", "bad_values", "set identity flags that this agent does not know"},
    {"wild-pid", "bad_values", "which cannot be"},
    {"other-runtime", "bad_values", "an event of runtime \"cri-o\", which it does not name"},
    {"no-id", "bad_values", "a container without container_id"},
    {"no-sandbox-id", "bad_values", "a sandbox without sandbox_id and container_id"},
    {"named-synced", "bad_values", "an identity with synced"},
    {"gate-without-done", "null_members", "a gate without done"},
    {"early", "bad_values", "published before start was called"},
    {"wild-log", "wild_lengths", "gave a log line of"},
    {"wild-level", "bad_values", "logged at level 77"},
    {"wild-health", "bad_values", "said health 0"},
    {"wild-extension", "wild_lengths", "gave an extension's id of"},
    {"null-callback", "null_members", "asked for a callback with a null pointer"},
    {"watch-nothing", "bad_values", "neither readable nor writable"},
    {"slow", "slow_calls", "held up the agent in start for"},
    {"slow-timer", "slow_calls", "held up the agent in a timer's callback for"},
    {"slow-post", "slow_calls", "held up the agent in a posted callback for"},
    {"slow-watch", "slow_calls", "held up the agent in a watch's callback for"},
};

constexpr Broken kAtStop[] = {
    {"stop-twice", "answered_twice", "said stopped twice"},
    {"late-calls", "calls_after_stop", "after it said stopped"},
    {"stop-error", "wild_lengths", ""},
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(adapter_misuse, RudeFixture)

BOOST_DATA_TEST_CASE_F(RudeFixture, a_broken_rule_is_refused_named_and_counted,
                       data::make(kAtStart), broken) {
  BOOST_TEST_REQUIRE(start_breaking(broken.rule).has_value());
  run_until([&] { return logged("rude: it ") && logged(std::string("publish ") + broken.rule); });
  BOOST_TEST(logged(broken.said), broken.said << " is not in the log");
  BOOST_TEST(counter(broken.counter) == 1U);
  // rude.c publishes one event with each rule: a wrong one is not taken, a right one is.
  const bool is_event = logged(std::string("publish ") + broken.rule + ": 3 the adapter ");
  BOOST_TEST(is_event == !logged(std::string("publish ") + broken.rule + ": 0 "));
  // It answers as before.
  BOOST_TEST(identify("rude", state_of("a")).value().container_id == "c1");
}

BOOST_DATA_TEST_CASE_F(RudeFixture, a_rule_broken_at_the_end_is_named_and_counted,
                       data::make(kAtStop), broken) {
  BOOST_TEST_REQUIRE(start_breaking(broken.rule).has_value());
  stop();
  if (std::string_view(broken.counter) != "wild_lengths") {
    run_until([&] { return counter(broken.counter) != 0; });
    run_until([&] { return logged(broken.said); });
    BOOST_TEST(logged(broken.said), broken.said << " is not in the log");
    BOOST_TEST(counter(broken.counter) >= 1U);
  }
  BOOST_TEST((host->adapters().at(0).state == usher::adapter::AdapterInfo::State::stopped));
}

BOOST_DATA_TEST_CASE_F(RudeFixture, a_sandbox_may_be_named_by_its_container_id_alone,
                       data::make({"sandbox-by-container", "sandbox-gone-by-container"}), rule) {
  BOOST_TEST_REQUIRE(start_breaking(rule).has_value());
  run_until([&] { return !events.empty(); });
  BOOST_TEST_REQUIRE(events.size() == 1U);
  BOOST_TEST(events[0].identity.container_id == "c1");
  BOOST_TEST(counter("bad_values") == 0U);
}

BOOST_AUTO_TEST_CASE(an_instance_that_was_not_made_is_an_error) {
  const auto started = start_breaking("null-instance");
  BOOST_TEST_REQUIRE(!started.has_value());
  BOOST_TEST(started.error().message.find("made no instance") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_answer_too_short_is_a_refusal) {
  BOOST_TEST_REQUIRE(start_breaking("short-answer").has_value());
  const auto who = identify("rude", state_of("a"));
  BOOST_TEST_REQUIRE(!who.has_value());
  BOOST_TEST(who.error().message.find("usher_identity of 8 bytes") != std::string::npos);
  BOOST_TEST(counter("short_structs") == 1U);
}

BOOST_AUTO_TEST_CASE(a_done_that_dawdles_is_named_and_counted) {
  keep_events = false;
  on_event = [](const usher::adapter::AdapterEvent& event) { event.done({}); };
  BOOST_TEST_REQUIRE(start_breaking("slow-done").has_value());
  run_until([&] { return logged("held up the agent in done for"); });
  BOOST_TEST(logged("rude: it held up the agent in done for"));
  BOOST_TEST(counter("slow_calls") == 1U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_asks_for_another_question_gets_one) {
  BOOST_TEST_REQUIRE(start_breaking("again").has_value());
  const auto who = identify("rude", state_of("a"));
  BOOST_TEST_REQUIRE(who.has_value(), (who ? "" : who.error().message));
  BOOST_TEST(who->container_id == "c1");
  BOOST_TEST(counter("answered_twice") == 0U);
}

BOOST_AUTO_TEST_CASE(asking_again_ends_at_the_deadline_with_the_last_reason) {
  BOOST_TEST_REQUIRE(start_breaking("again-for-ever").has_value());
  const auto before = std::chrono::steady_clock::now();
  const auto who = identify("rude", state_of("a"), 100ms);
  BOOST_TEST((std::chrono::steady_clock::now() - before < 5s));
  BOOST_TEST_REQUIRE(!who.has_value());
  BOOST_TEST(who.error().code == ETIMEDOUT);
  BOOST_TEST(who.error().message.find("within 100 ms") != std::string::npos, who.error().message);
  BOOST_TEST(who.error().message.find("question 1 ") == std::string::npos, who.error().message);
  BOOST_TEST(who.error().message.find("has no answer") != std::string::npos, who.error().message);
}

BOOST_AUTO_TEST_CASE(any_other_code_is_a_refusal_and_asked_once) {
  BOOST_TEST_REQUIRE(start_breaking("refusal").has_value());
  const auto who = identify("rude", state_of("a"));
  BOOST_TEST_REQUIRE(!who.has_value());
  BOOST_TEST(who.error().code == ENOENT);
  BOOST_TEST(who.error().message == "question 1 has no answer");
}

BOOST_AUTO_TEST_CASE(an_adapter_that_stops_while_it_is_to_be_asked_again_is_asked_no_more) {
  BOOST_TEST_REQUIRE(start_breaking("again-for-ever").has_value());
  std::optional<usher::Result<usher::identity::Identity>> answer;
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        answer = co_await host->identify("rude", state_of("a"), "{}", 10s);
      },
      asio::detached);
  // The first question and its answer.
  loop.restart();
  loop.run_one();
  stop();
  run_until([&] { return answer.has_value(); });
  BOOST_TEST_REQUIRE(!answer->has_value());
  BOOST_TEST(answer->error().code == ECANCELED);
}

BOOST_AUTO_TEST_CASE(an_answer_after_the_deadline_is_told_from_one_given_twice) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("minimal_c")).start().has_value());
  BOOST_TEST(!identify("minimal", state_of("a"), 0ms).has_value());
  run_until([&] { return counter("answered_late") != 0; });
  BOOST_TEST(counter("answered_late") == 1U);
  BOOST_TEST(counter("answered_twice") == 0U);
}

BOOST_AUTO_TEST_CASE(a_flood_of_events_is_refused_as_busy_and_there_is_room_again_later) {
  on_event = [](usher::adapter::AdapterEvent event) { event.done({}); };
  BOOST_TEST_REQUIRE(start_breaking("flood").has_value());
  run_until([&] { return events.size() == 1024U && logged("flood: 1024 taken"); });
  BOOST_TEST(logged("publish flood: 4 its events come faster than they are taken"));
  BOOST_TEST(counter("refused_busy") == 2U);
  BOOST_TEST(counter("events") == 1024U);
}

BOOST_AUTO_TEST_CASE(log_lines_that_come_too_fast_are_dropped_and_counted) {
  BOOST_TEST_REQUIRE(start_breaking("log-flood").has_value());
  run_until([&] { return log.size() >= 256; });
  BOOST_TEST(counter("log_lines_dropped") == 10000U - 256U);
}

BOOST_AUTO_TEST_CASE(an_adapter_that_does_not_stop_is_counted) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("mute")).start().has_value());
  stop(20ms);
  BOOST_TEST(counter("never_stopped") == 1U);
  run_until([&] { return logged("mute: it did not stop within 20 ms"); });
  BOOST_TEST(logged("mute: it did not stop within 20 ms"));
}

BOOST_AUTO_TEST_SUITE_END()
