// Where a sandbox's own processes run on the host, against the real kernel.
#include <boost/test/unit_test.hpp>

#include "identity/placement.hpp"
#include "live_processes.hpp"

using usher::identity::place_on_host;
using usher::test::Cgroup;
using usher::test::cgroup2_mount;
using usher::test::Child;
using usher::test::skipped;

namespace {

const std::string kSandbox = "0123456789abcdef0123456789abcdef";

usher::Result<usher::identity::Placement> placed(pid_t pid) {
  return place_on_host(pid, kSandbox, {.cgroup_root = cgroup2_mount(), .running = true});
}

void refused(pid_t pid, std::string_view why) {
  const auto placement = placed(pid);
  BOOST_TEST_REQUIRE(!placement.has_value());
  BOOST_TEST_INFO(placement.error().message);
  BOOST_TEST(placement.error().message.find(why) != std::string::npos);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(placing_on_host)

BOOST_AUTO_TEST_CASE(a_process_of_the_hosts_root_alone_in_its_cgroup_is_placed) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("vm");
  const Child monitor(0);
  cgroup.add(monitor.pid());
  const auto placement = placed(monitor.pid());
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  BOOST_TEST(placement->cgroup_path == cgroup.path());
  BOOST_TEST(placement->cgroup_id != 0U);
  BOOST_TEST(placement->mntns == 0U);
}

BOOST_AUTO_TEST_CASE(a_cgroup_that_others_are_in_is_refused_unless_it_is_named_after_the_sandbox) {
  if (skipped()) {
    return;
  }
  const Cgroup shared("shared");
  const Cgroup named("kata_" + kSandbox);
  const Child monitor(0);
  const Child stranger(0);
  shared.add(monitor.pid());
  shared.add(stranger.pid());
  refused(monitor.pid(), "process " + std::to_string(stranger.pid()));
  named.add(monitor.pid());
  named.add(stranger.pid());
  const auto placement = placed(monitor.pid());
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  BOOST_TEST(placement->cgroup_path == named.path());
}

BOOST_AUTO_TEST_CASE(a_shim_beside_its_monitor_and_their_children_are_one_family) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("family");
  int pids[2];
  BOOST_TEST_REQUIRE(::pipe2(pids, O_CLOEXEC) == 0);
  // The shim, with a monitor and another helper below it.
  const Child shim(0, [&] {
    cgroup.add(::getpid());
    for (int i = 0; i < 2; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::pause();
        ::_exit(0);
      }
      (void)!::write(pids[1], &child, sizeof child);
    }
  });
  pid_t monitor = 0;
  BOOST_TEST_REQUIRE(::read(pids[0], &monitor, sizeof monitor) == ssize_t{sizeof monitor});
  const auto placement = placed(monitor);
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  const Child stranger(0);
  cgroup.add(stranger.pid());
  refused(monitor, "process " + std::to_string(stranger.pid()));
  ::close(pids[0]);
  ::close(pids[1]);
}

BOOST_AUTO_TEST_CASE(the_agents_own_cgroup_and_those_above_are_refused) {
  if (skipped()) {
    return;
  }
  const Child beside(0);  // in the cgroup of this test, which stands for the agent
  const auto placement = placed(beside.pid());
  BOOST_TEST(!placement.has_value());
  refused(999'999'999, "gone");
}

BOOST_AUTO_TEST_SUITE_END()
