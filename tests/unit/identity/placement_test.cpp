// place() against the real kernel: where a container is found, and what is no place for one.
#include "identity/placement.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "live_processes.hpp"
#include "placing.hpp"
#include "scratch.hpp"

namespace fs = std::filesystem;
using usher::identity::place;
using usher::identity::PlacementOptions;
using usher::test::Cgroup;
using usher::test::cgroup2_mount;
using usher::test::Child;
using usher::test::refuses;
using usher::test::skipped;

BOOST_AUTO_TEST_SUITE(placement)

BOOST_AUTO_TEST_CASE(a_container_in_its_own_cgroup_is_found) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("own");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  const auto placement = place(child.pid(), {.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  struct stat info{};
  BOOST_TEST(::stat(cgroup.directory().c_str(), &info) == 0);
  BOOST_TEST(placement->cgroup_path == cgroup.path());
  BOOST_TEST(placement->cgroup_id == info.st_ino);
  const std::string mntns = "/proc/" + std::to_string(child.pid()) + "/ns/mnt";
  BOOST_TEST(::stat(mntns.c_str(), &info) == 0);
  BOOST_TEST(placement->mntns == info.st_ino);
}

BOOST_AUTO_TEST_CASE(the_root_cgroup_is_refused) {
  if (skipped()) {
    return;
  }
  const Child child(CLONE_NEWNS);
  std::ofstream(cgroup2_mount() / "cgroup.procs") << child.pid();
  refuses(child.pid(), "root cgroup");
}

BOOST_AUTO_TEST_CASE(the_hosts_mount_namespace_is_refused) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("hostns");
  const Child child(0);
  cgroup.add(child.pid());
  refuses(child.pid(), "mount namespace");
}

BOOST_AUTO_TEST_CASE(a_process_that_is_gone_is_refused) {
  if (skipped()) {
    return;
  }
  refuses(0, "no pid");
  refuses(-1, "no pid");
  Child child(CLONE_NEWNS);
  const pid_t pid = child.pid();
  child.end();
  refuses(pid, "gone");
}

BOOST_AUTO_TEST_CASE(a_zombie_is_gone) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("zombie");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  ::kill(child.pid(), SIGKILL);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);
  refuses(child.pid(), "gone");
}

BOOST_AUTO_TEST_CASE(a_cgroup_of_the_agent_or_above_it_is_refused) {
  if (skipped()) {
    return;
  }
  // A proc tree that stands for an agent in the container's own cgroup, and in one below it.
  const Cgroup cgroup("agents");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  for (const std::string below : {"", "/deeper"}) {
    const usher::test::Scratch proc;
    const std::string own = std::to_string(child.pid());
    proc.write(own + "/cgroup", "0::" + cgroup.path() + "\n");
    proc.write("self/cgroup", "0::" + cgroup.path() + below + "\n");
    const auto placement =
        place(child.pid(), {.cgroup_root = cgroup2_mount(), .proc = proc.path()});
    BOOST_TEST_REQUIRE(!placement.has_value());
    BOOST_TEST(placement.error().message.find("holds the agent") != std::string::npos,
               placement.error().message);
  }
}

BOOST_AUTO_TEST_CASE(a_root_that_is_not_cgroup2_is_refused) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("fake");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  const usher::test::Scratch elsewhere;
  fs::create_directory(elsewhere.path().native() + cgroup.path());
  const auto placement = place(child.pid(), {.cgroup_root = elsewhere.path()});
  BOOST_TEST_REQUIRE(!placement.has_value());
  BOOST_TEST(placement.error().message.find("not on a cgroup2 mount") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
