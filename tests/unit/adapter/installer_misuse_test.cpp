#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "adapter/installer.hpp"
#include "host_fixture.hpp"

using usher::adapter::Installer;
using usher::test::test_adapter;

BOOST_AUTO_TEST_SUITE(adapter_installer_misuse)

BOOST_AUTO_TEST_CASE(steps_from_other_threads_and_short_ones_are_not_taken) {
  const auto installer = Installer::open(test_adapter("installing"), "/", true);
  BOOST_TEST_REQUIRE(installer.has_value(), installer.error().message);
  const auto report = installer->plan({});
  BOOST_TEST(report.steps.size() == 1U);
  BOOST_TEST(!report.ok);
  const auto told = [&](const char* part) {
    return std::ranges::any_of(report.problems, [&](const std::string& problem) {
      return problem.find(part) != std::string::npos;
    });
  };
  BOOST_TEST(told("called step from another thread"));
  BOOST_TEST(told("usher_install_step of 12 bytes; version 1.0's has 56"));
}

BOOST_AUTO_TEST_SUITE_END()
