#include "enforce/suppressed.hpp"

#include <boost/test/unit_test.hpp>
#include <deque>
#include <random>

using usher::enforce::SuppressedLedger;

namespace {

constexpr usher_rate_key kKey{.workload = 3, .rule = 17};

// Stands for the kernel's side: holds back or sends; an event tells what was held back before it.
struct Kernel {
  usher_rate rate{};
  std::deque<usher_kernel_event> ring;

  void hold_back() { ++rate.suppressed; }
  void send() {
    usher_kernel_event event{};
    event.workload = kKey.workload;
    event.rule = kKey.rule;
    event.suppressed = rate.suppressed - rate.reported;
    rate.reported = rate.suppressed;
    ring.push_back(event);
  }
};

std::uint64_t consume(Kernel& kernel, SuppressedLedger& ledger) {
  std::uint64_t told = 0;
  for (; !kernel.ring.empty(); kernel.ring.pop_front()) {
    told += ledger.on_event(kernel.ring.front());
  }
  return told;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(suppressed)

BOOST_AUTO_TEST_CASE(what_an_event_tells_a_read_does_not_tell_again) {
  Kernel kernel;
  SuppressedLedger ledger;
  kernel.hold_back();
  kernel.hold_back();
  kernel.send();
  BOOST_TEST(ledger.on_read(kKey, kernel.rate) == 0U);
  BOOST_TEST(consume(kernel, ledger) == 2U);
}

BOOST_AUTO_TEST_CASE(what_a_read_tells_the_next_event_leaves_out) {
  Kernel kernel;
  SuppressedLedger ledger;
  kernel.hold_back();
  BOOST_TEST(ledger.on_read(kKey, kernel.rate) == 1U);
  BOOST_TEST(ledger.on_read(kKey, kernel.rate) == 0U);
  kernel.hold_back();
  kernel.send();
  BOOST_TEST(consume(kernel, ledger) == 1U);
}

BOOST_AUTO_TEST_CASE(each_is_told_once_in_any_order_of_sending_reading_and_consuming) {
  std::mt19937 random(11);  // NOLINT: repeats on purpose
  for (int round = 0; round < 500; ++round) {
    Kernel kernel;
    SuppressedLedger ledger;
    std::uint64_t told = 0;
    for (int step = 0; step < 60; ++step) {
      switch (random() % 5) {
        case 0:
        case 1:
          kernel.hold_back();
          break;
        case 2:
          kernel.send();
          break;
        case 3:
          told += ledger.on_read(kKey, kernel.rate);
          break;
        default:
          told += consume(kernel, ledger);
      }
      BOOST_REQUIRE(told <= kernel.rate.suppressed);
    }
    told += consume(kernel, ledger);
    told += ledger.on_read(kKey, kernel.rate);
    BOOST_REQUIRE(told == kernel.rate.suppressed);
  }
}

BOOST_AUTO_TEST_CASE(what_was_reported_before_the_start_is_not_told_again) {
  Kernel kernel;
  kernel.rate.suppressed = 40;
  kernel.rate.reported = 30;
  SuppressedLedger ledger;
  ledger.on_start(kKey, kernel.rate);
  BOOST_TEST(ledger.on_read(kKey, kernel.rate) == 10U);
  kernel.hold_back();
  kernel.send();
  BOOST_TEST(consume(kernel, ledger) == 1U);
}

BOOST_AUTO_TEST_CASE(a_new_incarnation_tells_only_its_own) {
  Kernel kernel;
  SuppressedLedger ledger;
  kernel.hold_back();
  kernel.hold_back();
  BOOST_TEST(ledger.on_read(kKey, kernel.rate) == 2U);
  kernel.hold_back();
  // As the kernel does at the first decision of the next incarnation.
  kernel.rate.incarnation = 1;
  kernel.rate.reported = kernel.rate.suppressed;
  kernel.hold_back();
  BOOST_TEST(ledger.on_read(kKey, kernel.rate) == 1U);
  kernel.hold_back();
  kernel.send();
  kernel.ring.back().incarnation = 1;
  BOOST_TEST(consume(kernel, ledger) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
