#include "enforce/events.hpp"

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstring>
#include <functional>
#include <vector>

using usher::enforce::decode_event;

namespace {

constexpr std::size_t kFixed = offsetof(usher_kernel_event, data);

usher_kernel_event verdict() {
  usher_kernel_event event{};
  event.type = USHER_EVENT_VERDICT;
  event.size = kFixed + 9;
  event.path_len = 7;
  event.args_len = 2;
  std::memcpy(event.data, "/bin/sh-c", 9);
  return event;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(events)

BOOST_AUTO_TEST_CASE(a_short_record_is_taken_and_what_it_lacks_is_zero) {
  const usher_kernel_event sent = verdict();
  const std::vector<char> record(reinterpret_cast<const char*>(&sent),
                                 reinterpret_cast<const char*>(&sent) + sent.size);
  const auto event = decode_event(record.data(), record.size());
  BOOST_REQUIRE(event.has_value());
  BOOST_TEST(std::string_view(event->data, 7) == "/bin/sh");
  BOOST_TEST(event->data[9] == '\0');
}

BOOST_AUTO_TEST_CASE(a_record_shorter_than_its_fixed_part_is_refused) {
  const usher_kernel_event sent = verdict();
  BOOST_TEST(!decode_event(&sent, kFixed - 1).has_value());
  BOOST_TEST(!decode_event(&sent, 0).has_value());
}

BOOST_AUTO_TEST_CASE(lengths_beyond_what_was_sent_are_refused) {
  const usher_kernel_event sent = verdict();
  BOOST_TEST(decode_event(&sent, kFixed + 9).has_value());
  BOOST_TEST(!decode_event(&sent, kFixed + 8).has_value());
}

BOOST_AUTO_TEST_CASE(numbers_that_are_no_index_are_refused) {
  const std::vector<std::function<void(usher_kernel_event&)>> breakages{
      [](usher_kernel_event& e) { e.type = 0; },
      [](usher_kernel_event& e) { e.type = 99; },
      [](usher_kernel_event& e) { e.kind = USHER_KINDS; },
      [](usher_kernel_event& e) { e.verdict = USHER_KILLED + 1; },
      [](usher_kernel_event& e) { e.workload = USHER_MAX_WORKLOADS; },
      [](usher_kernel_event& e) { e.profile = USHER_MAX_PROFILES; },
      [](usher_kernel_event& e) { e.path_len = 0xffff; },
      [](usher_kernel_event& e) { e.args_len = 0xffff; },
      [](usher_kernel_event& e) { e.size = 4; },
  };
  for (const auto& spoil : breakages) {
    usher_kernel_event event = verdict();
    spoil(event);
    BOOST_TEST(!decode_event(&event, sizeof event).has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()
