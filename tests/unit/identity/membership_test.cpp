// Whether a container is alone in its cgroup and its mount namespace, against the real kernel.
#include "identity/placement.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "identity/membership.hpp"
#include "live_processes.hpp"
#include "placing.hpp"

using usher::identity::place;
using usher::identity::PlacementOptions;
using usher::test::Cgroup;
using usher::test::cgroup2_mount;
using usher::test::Child;
using usher::test::refuses;
using usher::test::skipped;

BOOST_AUTO_TEST_SUITE(membership)

BOOST_AUTO_TEST_CASE(descendants_may_share_the_cgroup_and_those_below) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("tree");
  const Cgroup nested("tree/nested");
  const usher::test::Parent parent;
  cgroup.add(parent.pid());
  nested.add(parent.below());
  const auto placement = place(parent.pid(), {.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  BOOST_TEST(placement->cgroup_path == cgroup.path());
}

BOOST_AUTO_TEST_CASE(a_stranger_in_the_cgroup_is_refused_by_pid) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("shared");
  const Child child(CLONE_NEWNS);
  const Child stranger(CLONE_NEWNS);
  cgroup.add(child.pid());
  cgroup.add(stranger.pid());
  refuses(child.pid(), "process " + std::to_string(stranger.pid()));
}

BOOST_AUTO_TEST_CASE(a_stranger_below_the_cgroup_is_refused) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("above");
  const Cgroup below("above/below");
  const Child child(CLONE_NEWNS);
  const Child stranger(CLONE_NEWNS);
  cgroup.add(child.pid());
  below.add(stranger.pid());
  refuses(child.pid(), "which is not the container's");
}

BOOST_AUTO_TEST_CASE(who_lives_in_a_mount_namespace_outside_the_cgroup_is_found) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("mntns");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  const auto placement = place(child.pid(), {.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  const auto shared = [&] {
    return usher::identity::mount_namespace_shared(placement->mntns, placement->cgroup_path,
                                                   "/proc");
  };
  BOOST_TEST(!shared());
  const std::string theirs = "/proc/" + std::to_string(child.pid()) + "/ns/mnt";
  const usher::Fd mntns(::open(theirs.c_str(), O_RDONLY | O_CLOEXEC));
  Child guest(CLONE_NEWNS, [&] {
    if (::setns(mntns.get(), CLONE_NEWNS) != 0) {
      ::_exit(1);
    }
  });
  BOOST_TEST(shared());
  guest.end();
  BOOST_TEST(!shared());
}

BOOST_AUTO_TEST_CASE(the_child_that_crun_makes_stands_for_the_containers_scope) {
  if (skipped()) {
    return;
  }
  const std::string id(64, 'b');
  for (const auto& leaf : {"crio-" + id + ".scope", "libpod-" + id + ".scope"}) {
    const Cgroup top("crun");
    const Cgroup scope("crun/" + leaf);
    const Cgroup made_by_crun("crun/" + leaf + "/container");
    const Child child(CLONE_NEWNS);
    made_by_crun.add(child.pid());
    for (const bool running : {false, true}) {
      const auto placement =
          place(child.pid(), {.cgroup_root = cgroup2_mount(), .running = running});
      BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
      BOOST_TEST(placement->cgroup_path == scope.path());
      struct stat info{};
      BOOST_TEST(::stat(scope.directory().c_str(), &info) == 0);
      BOOST_TEST(placement->cgroup_id == info.st_ino);
    }
    // Who is in the scope and not of the container is found there, too.
    const Child stranger(CLONE_NEWNS);
    scope.add(stranger.pid());
    refuses(child.pid(), "which is not the container's");
  }
}

BOOST_AUTO_TEST_SUITE_END()
