#include "kata/settings.hpp"

#include <boost/test/unit_test.hpp>

#include "adapter/convert.hpp"
#include "hook/guest_config.hpp"
#include "kata/install/settings.hpp"
#include "kata/install/shipment.hpp"

namespace usher::kata {
namespace {

// What is wrong; empty: nothing.
std::string wrong(const adapter::Config& config) {
  const adapter::RawSettings raw(config);
  try {
    Options::from(plugin::Settings(raw.get()));
    return "";
  } catch (const plugin::Failure& failure) {
    BOOST_TEST(failure.status() == USHER_INVALID);
    return failure.what();
  }
}

BOOST_AUTO_TEST_SUITE(settings)

BOOST_AUTO_TEST_CASE(none_are_needed) {
  const adapter::RawSettings raw(adapter::Config{});
  const auto options = Options::from(plugin::Settings(raw.get()));
  BOOST_TEST(options.port == 4051U);
  BOOST_TEST(options.places.size() == 5U);
  BOOST_TEST(options.check_cgroup);
  BOOST_TEST(!options.missing_kill);
  BOOST_TEST(options.missing_after.count() == 10'000);
}

BOOST_AUTO_TEST_CASE(a_bad_one_is_named) {
  const auto names = [](const adapter::Config& config, std::string_view key) {
    return wrong(config).find(key) != std::string::npos;
  };
  BOOST_TEST(names({{"prot", std::int64_t{1}}}, "prot"));
  BOOST_TEST(names({{"port", std::int64_t{0}}}, "port"));
  BOOST_TEST(names({{"port", std::int64_t{1024}}}, "Kata uses"));
  BOOST_TEST(names({{"peer_cgroup", std::string("maybe")}}, "peer_cgroup"));
  BOOST_TEST(names({{"missing", std::string("shoot")}}, "missing"));
  BOOST_TEST(names({{"run_dir", std::string("run")}}, "run_dir"));
  BOOST_TEST(names({{"sandboxes", std::vector<std::string>{"/run/kata"}}}, "sandboxes"));
  for (const char* bad : {"10", "s", "-1s", "0s", "2h", "61m", "1.5s", "10 s"}) {
    BOOST_TEST(names({{"missing_after", std::string(bad)}}, "missing_after"), bad);
  }
  BOOST_TEST(wrong({{"missing_after", std::string("1500ms")}}) == "");
}

BOOST_AUTO_TEST_CASE(of_the_hook_in_the_guest_are_what_that_hook_takes) {
  const auto shipped = [](const adapter::Config& config) {
    const adapter::RawSettings raw(config);
    const auto options = InstallOptions::from(plugin::Settings(raw.get()));
    return hook::parse_guest_config(hook_config(options));
  };
  BOOST_REQUIRE(shipped({}));
  BOOST_TEST(!shipped({})->fail_open);
  BOOST_TEST((shipped({})->deadline == hook::GuestConfig().deadline));
  const auto chosen = shipped({{"hook_deadline", std::string("400ms")},
                               {"hook_fail", std::string("open")},
                               {"agent", std::string("/run/usher/hook.sock")}});
  BOOST_REQUIRE(chosen);
  BOOST_TEST(chosen->fail_open);
  BOOST_TEST((chosen->deadline == hook::kShortestDeadline));
  BOOST_TEST(shipped({{"hook_deadline", std::string("2s")}}).has_value());
  for (const char* bad : {"399ms", "2001ms"}) {
    BOOST_CHECK_THROW(shipped({{"hook_deadline", std::string(bad)}}), plugin::Failure);
  }
  BOOST_CHECK_THROW(shipped({{"hook_fail", std::string("maybe")}}), plugin::Failure);
}

BOOST_AUTO_TEST_CASE(one_of_kata_s_runtimes_may_be_named_as_a_word) {
  const adapter::Config config{{"shims", std::string("clh")}};
  const adapter::RawSettings raw(config);
  const auto options = InstallOptions::from(plugin::Settings(raw.get()));
  BOOST_TEST(options.shims == std::vector<std::string>{"clh"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata
