// Containers that run already: found by their whole cgroup, with and without a pid.
#include "identity/placement.hpp"

#include <fcntl.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "live_processes.hpp"
#include "placing.hpp"

using usher::identity::place;
using usher::identity::PlacementOptions;
using usher::test::Cgroup;
using usher::test::cgroup2_mount;
using usher::test::Child;
using usher::test::skipped;

BOOST_AUTO_TEST_SUITE(running_containers)

BOOST_AUTO_TEST_CASE(a_running_container_is_placed_by_its_whole_cgroup) {
  if (skipped()) {
    return;
  }
  const std::string leaf = "crio-" + std::string(64, 'a') + ".scope";
  const Cgroup top("run");
  const Cgroup container("run/" + leaf);
  const Cgroup inner("run/" + leaf + "/init.scope");
  const Child child(CLONE_NEWNS);
  inner.add(child.pid());
  usher::identity::PlacementOptions options{.cgroup_root = cgroup2_mount()};
  BOOST_TEST(place(child.pid(), options)->cgroup_path == inner.path());
  options.running = true;
  BOOST_TEST(place(child.pid(), options)->cgroup_path == container.path());
  // And found from the cgroup, where no pid is known.
  BOOST_TEST(usher::identity::process_in(container.path(), options).value() == child.pid());
}

BOOST_AUTO_TEST_CASE(a_cgroup_without_a_process_names_none) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("empty");
  const PlacementOptions options{.cgroup_root = cgroup2_mount()};
  const auto refused = [&](const std::string& path, const std::string& because) {
    const auto pid = usher::identity::process_in(path, options);
    BOOST_TEST_REQUIRE(!pid.has_value());
    BOOST_TEST(pid.error().message.find(because) != std::string::npos, pid.error().message);
  };
  refused(cgroup.path(), "nobody runs");
  refused(cgroup.path() + "/none", "there is no cgroup");
  refused(cgroup.path() + "/../..", "not plain");
  refused("relative", "neither");
}

BOOST_AUTO_TEST_CASE(of_a_cgroups_processes_the_first_one_is_the_containers) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("first");
  const usher::test::Parent parent;
  cgroup.add(parent.below());
  cgroup.add(parent.pid());
  const auto pid = usher::identity::process_in(cgroup.path(), {.cgroup_root = cgroup2_mount()});
  BOOST_TEST(pid.value() == parent.pid());
}

BOOST_AUTO_TEST_SUITE_END()
