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

long resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    if (key == "VmRSS:") {
      long kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

// The time is said, not held: it is the machine's of the moment (the bench holds it).
BOOST_FIXTURE_TEST_CASE(a_verdict_and_a_sandbox_cost_little, RelayFixture) {
  bounds.limits = {.connections = 16,
                   .connections_per_second = 1e6,
                   .claims_per_minute = 1e6,
                   .frames_per_second = 1e6,
                   .bytes_per_second = 1e9,
                   .nonces = 16};
  options.check_cgroup = false;
  start();
  listen_for(name(0));
  std::vector<std::chrono::nanoseconds> took;
  for (int i = 0; i < 1000; ++i) {
    const std::string container = "c" + std::to_string(i);
    creates(name(0), container);
    auto claim = claim_of(container);
    claim.mutable_claim()->mutable_nonce()->replace(0, container.size(), container);
    const auto begun = std::chrono::steady_clock::now();
    BOOST_REQUIRE(ask(name(0), claim).word() == v1::Verdict::WORD_GO);
    took.push_back(std::chrono::steady_clock::now() - begun);
    relay->container(USHER_EVENT_CONTAINER_GONE, this->container(name(0), container));
  }
  std::ranges::sort(took);
  BOOST_TEST_MESSAGE("connect to verdict: p50 " << took[500].count() / 1000 << " us, p99 "
                                                << took[990].count() / 1000 << " us");
  const long before = resident_kib();
  for (int i = 1; i <= kSandboxes; ++i) {
    make_sandbox(name(i));
  }
  until([&] { return relay->listening() == kSandboxes + 1; });
  std::vector<Opened> sessions;
  for (int i = 1; i <= kSandboxes; ++i) {
    sessions.push_back(open_session(name(i)));
  }
  const long more = resident_kib() - before;
  BOOST_TEST_MESSAGE(kSandboxes << " sandboxes with a session each: " << more << " KiB more");
  BOOST_TEST(more < 20 * 1024);
}

}  // namespace
}  // namespace usher::kata::test
