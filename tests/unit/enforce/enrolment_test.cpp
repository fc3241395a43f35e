#include <algorithm>

#include "kernel_fixture.hpp"

using namespace usher::enforce;           // NOLINT
using namespace usher::enforce::testing;  // NOLINT

BOOST_AUTO_TEST_SUITE(enrolment, *boost::unit_test::precondition(kernel_takes_bpf))

BOOST_FIXTURE_TEST_CASE(a_cgroup_is_enrolled_once, KernelFixture) {
  open();
  const ScratchCgroup cgroup(enforcer().cgroup_root());
  const auto slot = enforcer().enrol(cgroup.placement(), 0, 0);
  BOOST_REQUIRE(slot.has_value());
  BOOST_TEST(*slot != 0U);
  const auto again = enforcer().enrol(cgroup.placement(), 0, 0);
  BOOST_REQUIRE(!again.has_value());
  BOOST_TEST(again.error().message.find("workload " + std::to_string(*slot)) != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_mount_namespace_is_enrolled_once, KernelFixture) {
  open();
  const ScratchCgroup one(enforcer().cgroup_root());
  const ScratchCgroup other(enforcer().cgroup_root());
  auto first = one.placement();
  auto second = other.placement();
  first.mntns = second.mntns = 4'000'000'001U;
  const auto slot = enforcer().enrol(first, 0, 0);
  BOOST_REQUIRE(slot.has_value());
  BOOST_TEST(!enforcer().enrol(second, 0, 0).has_value());
  BOOST_TEST(enforcer().enrolled().size() == 1U);

  // Ended: the number may have been given to a new mount namespace.
  BOOST_REQUIRE(enforcer().end(*slot).has_value());
  const auto next = enforcer().enrol(second, 0, 0);
  BOOST_REQUIRE(next.has_value());
  // Forgetting the old one must not take the new one's entry.
  BOOST_REQUIRE(enforcer().forget(*slot).has_value());
  BOOST_TEST(!enforcer()
                  .enrol(
                      [&] {
                        auto third = one.placement();
                        third.mntns = first.mntns;
                        return third;
                      }(),
                      0, 0)
                  .has_value());
}

BOOST_FIXTURE_TEST_CASE(a_mount_namespaces_number_can_be_left_to_another, KernelFixture) {
  open();
  const ScratchCgroup one(enforcer().cgroup_root());
  const ScratchCgroup other(enforcer().cgroup_root());
  auto first = one.placement();
  auto second = other.placement();
  first.mntns = second.mntns = 4'000'000'002U;
  const auto slot = enforcer().enrol(first, 0, 0);
  BOOST_REQUIRE(slot.has_value());
  BOOST_REQUIRE(enforcer().leave_mntns(*slot).has_value());
  const auto next = enforcer().enrol(second, 0, 0);
  BOOST_REQUIRE(next.has_value());
  // What belongs to the other by now is not taken from it.
  BOOST_REQUIRE(enforcer().leave_mntns(*slot).has_value());
  BOOST_REQUIRE(enforcer().forget(*slot).has_value());
  BOOST_TEST(!enforcer().enrol(first, 0, 0).has_value());
}

BOOST_FIXTURE_TEST_CASE(what_was_enrolled_is_listed_as_it_was_given, KernelFixture) {
  open();
  const ScratchCgroup cgroup(enforcer().cgroup_root());
  const auto profile = enforcer().publish(denial_of({"/bin/x"}));
  BOOST_REQUIRE(profile.has_value());
  const auto slot = enforcer().enrol(cgroup.placement(), *profile, USHER_WORKLOAD_HOST_ROOT);
  BOOST_REQUIRE(slot.has_value());
  const auto listed = enforcer().enrolled();
  BOOST_REQUIRE(listed.size() == 1U);
  BOOST_TEST(listed[0].slot == *slot);
  BOOST_TEST(listed[0].value.profile == *profile);
  BOOST_TEST(listed[0].value.cgroup == cgroup.placement().cgroup_id);
  BOOST_TEST(listed[0].value.flags == (USHER_WORKLOAD_LIVE | USHER_WORKLOAD_HOST_ROOT));
  BOOST_TEST(listed[0].value.incarnation == enforcer().incarnation(*slot));
}

BOOST_FIXTURE_TEST_CASE(a_forgotten_workload_leaves_room_and_a_new_incarnation, KernelFixture) {
  open();
  const ScratchCgroup cgroup(enforcer().cgroup_root());
  const auto slot = enforcer().enrol(cgroup.placement(), 0, 0);
  BOOST_REQUIRE(slot.has_value());
  BOOST_REQUIRE(enforcer().forget(*slot).has_value());
  BOOST_TEST(enforcer().enrolled().empty());
  BOOST_TEST(!enforcer().forget(*slot).has_value());
  BOOST_TEST(!enforcer().switch_to(*slot, 0).has_value());
  BOOST_TEST(!enforcer().release(*slot).has_value());
  const auto next = enforcer().enrol(cgroup.placement(), 0, 0);
  BOOST_REQUIRE(next.has_value());
  BOOST_TEST(*next != *slot);
}

BOOST_FIXTURE_TEST_CASE(every_slot_can_be_used_and_then_it_is_full, KernelFixture) {
  open();
  usher::identity::Placement placement;
  for (std::uint64_t i = 1; i < USHER_MAX_WORKLOADS; ++i) {
    placement.cgroup_id = (std::uint64_t{1} << 62) + i;
    BOOST_REQUIRE(enforcer().enrol(placement, 0, 0).has_value());
  }
  ++placement.cgroup_id;
  const auto one_more = enforcer().enrol(placement, 0, 0);
  BOOST_REQUIRE(!one_more.has_value());
  BOOST_TEST(one_more.error().code == ENOSPC);
  const auto listed = enforcer().enrolled();
  BOOST_TEST(listed.size() == USHER_MAX_WORKLOADS - 1);
  BOOST_REQUIRE(enforcer().forget(listed[100].slot).has_value());
  const auto reused = enforcer().enrol(placement, 0, 0);
  BOOST_REQUIRE(reused.has_value());
  BOOST_TEST(*reused == listed[100].slot);
  BOOST_TEST(enforcer().incarnation(*reused) == listed[100].value.incarnation + 1);
}

BOOST_FIXTURE_TEST_CASE(a_profile_that_was_never_published_cannot_be_used, KernelFixture) {
  open();
  const ScratchCgroup cgroup(enforcer().cgroup_root());
  BOOST_TEST(!enforcer().enrol(cgroup.placement(), 77, 0).has_value());
  BOOST_TEST(!enforcer().enrol(cgroup.placement(), USHER_MAX_PROFILES, 0).has_value());
  BOOST_TEST(enforcer().enrolled().empty());
}

BOOST_AUTO_TEST_SUITE_END()
