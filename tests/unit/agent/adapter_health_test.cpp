#include "agent/adapter_health.hpp"

#include <boost/test/unit_test.hpp>

using usher::adapter::AdapterInfo;
using usher::agent::adapter_warnings;
using usher::agent::unserved_warning;

namespace {

AdapterInfo info(AdapterInfo::State state, const std::string& health, const std::string& reason) {
  AdapterInfo out{};
  out.name = "cri-o";
  out.state = state;
  out.health = health;
  out.reason = reason;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(adapter_health)

BOOST_AUTO_TEST_CASE(an_adapter_that_works_or_was_not_chosen_is_no_warning) {
  BOOST_TEST(adapter_warnings({info(AdapterInfo::State::running, "healthy", "in place"),
                               info(AdapterInfo::State::not_chosen, "", "no CRI-O here"),
                               info(AdapterInfo::State::stopped, "", "")})
                 .empty());
}

BOOST_AUTO_TEST_CASE(an_adapter_that_failed_is_named_with_its_reason) {
  const auto warnings = adapter_warnings({info(AdapterInfo::State::failed, "", "unknown setting")});
  BOOST_TEST_REQUIRE(warnings.size() == 1U);
  BOOST_TEST(warnings[0].find("adapter cri-o failed") == 0U);
  BOOST_TEST(warnings[0].find("unknown setting") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_adapter_that_is_not_healthy_is_named_with_its_own_words) {
  const auto warnings =
      adapter_warnings({info(AdapterInfo::State::running, "degraded", "restart CRI-O"),
                        info(AdapterInfo::State::running, "unhealthy", "no hook")});
  BOOST_TEST_REQUIRE(warnings.size() == 2U);
  BOOST_TEST(warnings[0] == "adapter cri-o is degraded: restart CRI-O");
  BOOST_TEST(warnings[1] == "adapter cri-o is unhealthy: no hook");
}

BOOST_AUTO_TEST_CASE(a_named_runtime_that_no_running_adapter_serves_is_a_warning) {
  auto here = info(AdapterInfo::State::running, "healthy", "");
  here.runtimes = {"cri-o", "podman"};
  auto failed = info(AdapterInfo::State::failed, "", "");
  failed.runtimes = {"crio"};
  BOOST_TEST(!unserved_warning({here}, ""));
  BOOST_TEST(!unserved_warning({here}, "podman"));
  const auto warning = unserved_warning({here, failed}, "crio");
  BOOST_REQUIRE(warning.has_value());
  BOOST_TEST(warning->find("\"crio\"") != std::string::npos);
  BOOST_TEST(warning->find("cri-o, podman") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
