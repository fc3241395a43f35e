// The path of events from an adapter's threads to the agent's loop; the preset tsan builds this
// test and what it needs, and nothing else.
#include <boost/test/unit_test.hpp>

#include "host_fixture.hpp"

using Kind = usher::adapter::AdapterEvent::Kind;
using usher::fail;
using usher::test::HostFixture;
using usher::test::test_adapter;

namespace {

// Answers every other gate at once, holds the others back for a while.
struct StormFixture : HostFixture {
  std::vector<usher::adapter::AdapterEvent> held;

  StormFixture() {
    on_event = [this](usher::adapter::AdapterEvent event) {
      if (!event.done) {
        return;
      }
      held.push_back(std::move(event));
      if (held.size() > 16) {
        for (auto& waiting : held) {
          waiting.done(held.size() % 2 == 0 ? fail("no") : usher::Result<>{});
        }
        held.clear();
      }
    };
    keep_events = false;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(adapter_threads, StormFixture)

BOOST_AUTO_TEST_CASE(four_threads_publish_while_the_loop_answers) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("storm")).start().has_value());
  run_until([&] { return logged("the storm is over") || counter("events") == 1600U; });
  stop();
  run_until([&] { return logged("gate was answered"); });
  BOOST_TEST(logged("storm: every gate was answered"));
  BOOST_TEST(counter("events") == 1600U);
  BOOST_TEST(counter("gates") == 800U);
}

BOOST_AUTO_TEST_CASE(four_threads_publish_while_the_adapter_is_stopped) {
  for (const std::uint64_t after : {1U, 50U, 300U}) {
    BOOST_TEST_REQUIRE(make_with(test_adapter("storm")).start().has_value());
    run_until([&] { return counter("events") >= after; });
    stop();
    run_until([&] { return logged("gate was answered"); });
    BOOST_TEST(logged("storm: every gate was answered"));
    BOOST_TEST(counter("calls_after_stop") == 0U);
    log.clear();
    held.clear();
  }
}

BOOST_AUTO_TEST_SUITE_END()
