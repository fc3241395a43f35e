// The runtime's init of a container that is just being made, against the real kernel.
#include "identity/placement.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "live_processes.hpp"
#include "scratch.hpp"
#include "usher_bpf.h"

namespace fs = std::filesystem;
using usher::identity::PlacementOptions;
using usher::test::Cgroup;
using usher::test::cgroup2_mount;
using usher::test::Child;
using usher::test::skipped;

BOOST_AUTO_TEST_SUITE(init_process)

BOOST_AUTO_TEST_CASE(the_runtimes_init_is_the_one_process_of_its_cgroup_before_the_start) {
  if (skipped()) {
    return;
  }
  const PlacementOptions options{.cgroup_root = cgroup2_mount()};
  const auto refused = [&](const std::string& path, const std::string& because) {
    const auto pid = usher::identity::init_process_in(path, options);
    BOOST_TEST_REQUIRE(!pid.has_value());
    BOOST_TEST(pid.error().message.find(because) != std::string::npos, pid.error().message);
  };
  const Cgroup cgroup("init");
  refused(cgroup.path(), "nobody is in");
  refused(cgroup.path() + "/none", "there is no cgroup");
  refused(cgroup.path() + "/../..", "not plain");
  refused("relative", "neither");
  refused("", "neither");
  const Child init(CLONE_NEWNS);
  cgroup.add(init.pid());
  BOOST_TEST(usher::identity::init_process_in(cgroup.path(), options).value() == init.pid());
  const Child another(CLONE_NEWNS);
  cgroup.add(another.pid());
  refused(cgroup.path(), "2 processes");
}

BOOST_AUTO_TEST_CASE(the_runtimes_init_is_found_in_the_child_that_crun_makes) {
  if (skipped()) {
    return;
  }
  const Cgroup scope("scope");
  const Cgroup child("scope/container");
  const Child init(CLONE_NEWNS);
  child.add(init.pid());
  BOOST_TEST(
      usher::identity::init_process_in(scope.path(), {.cgroup_root = cgroup2_mount()}).value() ==
      init.pid());
}

BOOST_AUTO_TEST_CASE(a_process_in_the_containers_root_is_no_init_of_the_runtime_any_more) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("late");
  const usher::test::Scratch root;
  const Child inside(CLONE_NEWNS, [&] { (void)!::chroot(root.path().c_str()); });
  cgroup.add(inside.pid());
  const auto pid =
      usher::identity::init_process_in(cgroup.path(), {.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(!pid.has_value());
  BOOST_TEST(pid.error().message.find("entered the container's root") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_systemd_form_names_the_same_cgroup) {
  if (skipped()) {
    return;
  }
  const usher::test::Scratch root;
  const auto self = std::to_string(::getpid());
  root.write("kubepods.slice/kubepods-podu_1.slice/crio-c1.scope/cgroup.procs", self + "\n");
  const PlacementOptions options{.cgroup_root = root.path()};
  for (const char* form :
       {"kubepods-podu_1.slice:crio:c1", "/kubepods.slice/kubepods-podu_1.slice/crio-c1.scope"}) {
    BOOST_TEST(usher::identity::init_process_in(form, options).value() == ::getpid());
  }
}

BOOST_AUTO_TEST_CASE(a_process_that_has_not_entered_a_root_has_no_image_to_look_into) {
  if (skipped()) {
    return;
  }
  const PlacementOptions options{.cgroup_root = cgroup2_mount()};
  const Child outside(CLONE_NEWNS);
  BOOST_TEST(!usher::identity::merged_of_process(outside.pid(), options).has_value());
  const usher::test::Scratch root;
  fs::create_symlink("usr/bin", root.path() / "bin");
  const Child inside(CLONE_NEWNS, [&] { (void)!::chroot(root.path().c_str()); });
  const auto merged = usher::identity::merged_of_process(inside.pid(), options);
  BOOST_TEST_REQUIRE(merged.has_value());
  BOOST_TEST(*merged == static_cast<std::uint32_t>(USHER_MERGED_BIN));
}

BOOST_AUTO_TEST_SUITE_END()
