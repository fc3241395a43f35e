#include "agent/gate_times.hpp"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using usher::agent::GateTimes;

BOOST_AUTO_TEST_SUITE(gate_times)

BOOST_AUTO_TEST_CASE(nothing_is_said_before_the_first_gate) {
  const auto none = GateTimes().summary();
  BOOST_TEST(none.gates == 0U);
  BOOST_TEST((none.p99 == 0us));
}

BOOST_AUTO_TEST_CASE(percentiles_are_values_that_occurred) {
  GateTimes times;
  for (int i = 100; i >= 1; --i) {
    times.add(std::chrono::microseconds(i), i == 7);
  }
  const auto all = times.summary();
  BOOST_TEST(all.gates == 100U);
  BOOST_TEST(all.refused == 1U);
  BOOST_TEST((all.p50 == 50us));
  BOOST_TEST((all.p99 == 99us));
  BOOST_TEST((all.longest == 100us));
}

BOOST_AUTO_TEST_CASE(old_gates_make_room_but_stay_counted) {
  GateTimes times;
  times.add(1h, false);
  for (std::size_t i = 0; i < GateTimes::kKept; ++i) {
    times.add(1500ns, false);
  }
  const auto all = times.summary();
  BOOST_TEST(all.gates == GateTimes::kKept + 1);
  BOOST_TEST((all.longest == 2us));  // a begun microsecond counts
}

BOOST_AUTO_TEST_SUITE_END()
