// A hundred sandboxes at once.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "relay_fixture.hpp"

namespace usher::kata::test {
namespace {

constexpr int kSandboxes = 100;

std::string name(int i) {
  auto digits = std::to_string(i);
  return std::string(64 - digits.size(), 'e') + digits;
}

BOOST_FIXTURE_TEST_CASE(a_hundred_sandboxes_are_each_answered_in_time, RelayFixture) {
  bounds.verdict = std::chrono::milliseconds(1800);
  options.check_cgroup = false;  // one process stands for all their monitors
  start();
  std::vector<Caller> callers;
  for (int i = 0; i < kSandboxes; ++i) {
    make_sandbox(name(i));
  }
  until([&] { return relay->listening() == kSandboxes; });
  std::vector<std::chrono::steady_clock::time_point> asked;
  for (int i = 0; i < kSandboxes; ++i) {
    creates(name(i), "app");
    callers.emplace_back(socket_of(name(i)));
    asked.push_back(std::chrono::steady_clock::now());
    BOOST_REQUIRE(callers.back().say(claim_of("app")));
  }
  std::chrono::steady_clock::duration longest{};
  for (int i = 0; i < kSandboxes; ++i) {
    auto& caller = callers[static_cast<std::size_t>(i)];
    BOOST_TEST(next(caller).verdict().word() == v1::Verdict::WORD_GO);
    longest =
        std::max(longest, std::chrono::steady_clock::now() - asked[static_cast<std::size_t>(i)]);
  }
  BOOST_TEST((longest < std::chrono::milliseconds(1800)));
  BOOST_TEST(host.warned.empty());
  fs::remove_all(base);
  fs::create_directory(base);
  until([&] { return relay->listening() == 0; });
  BOOST_TEST(fs::is_empty(fs::path(options.run_dir) / "kata"));
}

}  // namespace
}  // namespace usher::kata::test
