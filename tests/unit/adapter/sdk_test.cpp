// The SDK's coroutines and callbacks, in an adapter that feeds.
#include <boost/test/unit_test.hpp>

#include "host_fixture.hpp"

using Kind = usher::adapter::AdapterEvent::Kind;
using usher::fail;
using usher::test::HostFixture;
using usher::test::test_adapter;

namespace {

struct SdkFixture : HostFixture {
  // Each event is dealt with but for gates, which `verdict` decides.
  void feed(const std::function<void(usher::adapter::AdapterEvent&)>& verdict, bool throws) {
    on_event = [verdict](usher::adapter::AdapterEvent event) {
      if (event.kind == Kind::container_starting) {
        verdict(event);
      } else {
        event.done({});
      }
    };
    usher::adapter::HostOptions options;
    options.automatic = false;
    options.selected = {test_adapter("feeding")};
    options.config["feeding"]["throw"] = throws;
    BOOST_TEST_REQUIRE(make(options).start().has_value());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(adapter_sdk, SdkFixture)

BOOST_AUTO_TEST_CASE(a_coroutine_waits_for_each_event_and_for_the_gates_verdict) {
  std::vector<usher::adapter::AdapterEvent> held;
  feed([&](auto& event) { held.push_back(event); }, false);
  run_until([&] { return !held.empty(); });
  BOOST_TEST_REQUIRE(events.size() == 4U);
  BOOST_TEST((events[0].kind == Kind::listing));
  BOOST_TEST(events[1].identity.container_id == "c1");
  BOOST_TEST((events[2].kind == Kind::synced));
  BOOST_TEST(!logged("c2 may run"));
  held[0].done({});
  run_until([&] { return logged("published event kind 4000"); });
  BOOST_TEST(logged("c2 may run"));
  run_until([&] { return logged("the timer went off"); });
  stop();
}

BOOST_AUTO_TEST_CASE(a_refused_gate_is_an_exception_in_the_coroutine) {
  feed([](auto& event) { event.done(fail("policy says no", 13)); }, false);
  run_until([&] { return logged("c2 must not run: policy says no"); });
  BOOST_TEST(logged("c2 must not run: policy says no"));
}

BOOST_AUTO_TEST_CASE(what_callbacks_and_coroutines_throw_is_a_line_in_the_log) {
  feed([](auto& event) { event.done({}); }, true);
  run_until([&] { return logged("thrown by the feed") && logged("thrown by a callback"); });
  BOOST_TEST(logged("thrown by the feed"));
  BOOST_TEST(logged("thrown by a callback"));
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_waits_when_the_agent_stops_ends) {
  std::vector<usher::adapter::AdapterEvent> held;
  feed([&](auto& event) { held.push_back(event); }, false);
  run_until([&] { return !held.empty(); });
  stop();
  BOOST_TEST(logged("c2 must not run: the agent is stopping"));
}

BOOST_AUTO_TEST_SUITE_END()
