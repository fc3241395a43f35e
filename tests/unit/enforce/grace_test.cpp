#include "enforce/grace.hpp"

#include <bpf/bpf.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <semaphore>

using usher::Result;
using usher::enforce::Grace;

BOOST_AUTO_TEST_SUITE(grace)

BOOST_AUTO_TEST_CASE(a_request_made_while_a_period_runs_waits_for_the_next) {
  std::binary_semaphore begun(0);
  std::counting_semaphore<8> may_end(0);
  std::atomic<int> periods = 0;
  Grace grace([&]() -> Result<> {
    ++periods;
    begun.release();
    may_end.acquire();
    return {};
  });
  const auto first = grace.request();
  begun.acquire();
  const auto second = grace.request();
  const auto third = grace.request();
  may_end.release();
  BOOST_TEST(grace.await(first).has_value());
  BOOST_TEST(grace.passed() == first);
  begun.acquire();
  may_end.release();
  BOOST_TEST(grace.await(third).has_value());
  BOOST_TEST(grace.passed() >= second);
  BOOST_TEST(periods == 2);
}

BOOST_AUTO_TEST_CASE(where_periods_cannot_be_waited_for_nothing_passes) {
  Grace grace([]() -> Result<> { return usher::fail("no"); });
  const auto ticket = grace.request();
  BOOST_TEST(!grace.await(ticket).has_value());
  BOOST_TEST(grace.passed() == 0U);
  BOOST_TEST(grace.failure().has_value());
}

BOOST_AUTO_TEST_CASE(this_kernel_can_wait_for_its_readers) {
  BOOST_TEST(usher::enforce::wait_for_readers().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
