// Calls over vsock from machines that are no sandbox's.
#include "kata/strangers.hpp"

#include <boost/test/unit_test.hpp>

namespace usher::kata::test {
namespace {

BOOST_AUTO_TEST_SUITE(strangers)

BOOST_AUTO_TEST_CASE(are_looked_for_now_and_then_and_told_once) {
  Strangers strangers;
  auto now = Strangers::Clock::time_point(std::chrono::hours(1));
  int looks = 0;
  int told = 0;
  for (int ms = 0; ms < 60'000; ++ms, now += std::chrono::milliseconds(1)) {
    if (strangers.may_look(7, now)) {
      ++looks;
      told += strangers.not_found(7, now) ? 1 : 0;
    }
    BOOST_REQUIRE(looks <= 4 || ms > 1300);  // a hook's tries
  }
  BOOST_TEST(looks >= 3);
  BOOST_TEST(looks < 40);
  BOOST_TEST(told == 1);
  BOOST_TEST(strangers.may_look(8, now));
  strangers.found(7);
  BOOST_TEST(strangers.may_look(7, now));
}

BOOST_AUTO_TEST_CASE(that_are_many_take_no_room) {
  Strangers strangers;
  const auto now = Strangers::Clock::now();
  int told = 0;
  for (std::uint32_t cid = 3; cid < 100'000; ++cid) {
    told += strangers.not_found(cid, now) ? 1 : 0;
  }
  BOOST_TEST(told < 5000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata::test
