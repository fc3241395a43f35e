#include "enforce/cgroup_root.hpp"

#include <boost/test/unit_test.hpp>

using usher::enforce::cgroup_root_or_found;
using usher::enforce::find_cgroup_root;

BOOST_AUTO_TEST_SUITE(cgroup_root)

BOOST_AUTO_TEST_CASE(the_cgroup2_mount_is_found_among_cgroup_v1_ones) {
  const auto found = find_cgroup_root(
      "30 23 0:26 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw\n"
      "31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
      "32 30 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw\n");
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->string() == "/sys/fs/cgroup/unified");
}

BOOST_AUTO_TEST_CASE(a_part_of_the_tree_is_not_taken_for_the_whole) {
  const auto found = find_cgroup_root(
      "32 30 0:28 /pod /mnt rw - cgroup2 cgroup2 rw\n"
      "33 30 0:28 / /mnt/with\\040space rw - cgroup2 cgroup2 rw\n");
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->string() == "/mnt/with space");
}

BOOST_AUTO_TEST_CASE(none_is_an_error_that_says_what_to_do) {
  const auto found = find_cgroup_root("30 23 0:26 / / rw - ext4 /dev/vda rw\n");
  BOOST_REQUIRE(!found.has_value());
  BOOST_TEST(found.error().message.find("mount -t cgroup2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_named_directory_must_be_on_cgroup2) {
  BOOST_TEST(!cgroup_root_or_found("/").has_value());
  BOOST_TEST(!cgroup_root_or_found("/does/not/exist").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
