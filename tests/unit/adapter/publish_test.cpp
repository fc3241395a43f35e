// What an adapter publishes from a thread of its own arrives on the loop, checked.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "host_fixture.hpp"

using Kind = usher::adapter::AdapterEvent::Kind;
using usher::fail;
using usher::test::HostFixture;
using usher::test::test_adapter;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(adapter_events, HostFixture)

BOOST_AUTO_TEST_CASE(events_arrive_in_order_on_the_loop) {
  const auto loop_thread = std::this_thread::get_id();
  on_event = [&](const auto&) { BOOST_TEST((std::this_thread::get_id() == loop_thread)); };
  BOOST_TEST_REQUIRE(make_with(test_adapter("talkative")).start().has_value());
  run_until([&] { return !events.empty() && events.back().kind == Kind::synced; });
  BOOST_TEST_REQUIRE(events.size() == 3U);
  BOOST_TEST((events[0].kind == Kind::container_running));
  BOOST_TEST(events[0].adapter == "talkative");
  BOOST_TEST(events[0].runtime == "talk");
  BOOST_TEST(events[0].identity.container_id == "c1");
  BOOST_TEST(events[0].cgroup_path == "/talk/c1");
  BOOST_TEST(events[0].pid == 42);
  BOOST_TEST(!events[0].done);
  BOOST_TEST(counter("events") == 3U);
  BOOST_TEST(counter("gates") == 1U);
  BOOST_TEST((events[1].kind == Kind::container_starting));
  BOOST_TEST(!!events[1].done);
  BOOST_TEST(!logged("was taken"));
  run_until([&] { return counter("bad_values") == 2U; });
  BOOST_TEST(logged("an event of runtime \"other\", which it does not name"));
}

BOOST_AUTO_TEST_CASE(a_gate_hears_the_verdict_once) {
  on_event = [](const usher::adapter::AdapterEvent& event) {
    if (event.done) {
      event.done(fail("policy says no", 13));
      event.done({});
    }
  };
  BOOST_TEST_REQUIRE(make_with(test_adapter("talkative")).start().has_value());
  run_until([&] { return logged("gate 7"); });
  BOOST_TEST(logged("gate 7: 1 policy says no"));
  BOOST_TEST(!logged("gate 7: 0"));
}

BOOST_AUTO_TEST_CASE(a_gate_that_is_open_when_the_agent_stops_fails) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("talkative")).start().has_value());
  run_until([&] { return !events.empty() && events.back().kind == Kind::synced; });
  stop();
  BOOST_TEST(logged("gate 7: 1 the agent is stopping"));
}

BOOST_AUTO_TEST_CASE(a_gate_that_is_dropped_unanswered_fails) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("talkative")).start().has_value());
  run_until([&] { return !events.empty() && events.back().kind == Kind::synced; });
  events.clear();
  run_until([&] { return logged("gate 7"); });
  BOOST_TEST(logged("gate 7: 1 the agent is stopping"));
}

BOOST_AUTO_TEST_CASE(a_gate_that_nobody_decides_is_answered_by_the_host) {
  gate_deadline = 20ms;
  BOOST_TEST_REQUIRE(make_with(test_adapter("talkative")).start().has_value());
  run_until([&] { return logged("gate 7"); });
  BOOST_TEST(logged("gate 7: 1 the agent did not decide on container c1 within 20 ms"));
  BOOST_TEST(counter("gates_timed_out") == 1U);
  // The verdict that comes after all changes nothing.
  for (const auto& event : events) {
    if (event.done) {
      event.done({});
    }
  }
  stop();
  BOOST_TEST(!logged("gate 7: 0"));
}

BOOST_AUTO_TEST_SUITE_END()
