#include <algorithm>

#include "enforce/grace.hpp"
#include "kernel_fixture.hpp"

using namespace usher::enforce;           // NOLINT
using namespace usher::enforce::testing;  // NOLINT

namespace {

std::vector<std::string> many_paths(int count) {
  std::vector<std::string> paths;
  for (int i = 0; i < count; ++i) {
    paths.push_back("/usr/lib/d" + std::to_string(i % 37) + "/p" + std::to_string(i));
  }
  return paths;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(profiles, *boost::unit_test::precondition(kernel_takes_bpf))

BOOST_FIXTURE_TEST_CASE(what_is_published_lies_in_the_arena, KernelFixture) {
  open();
  const auto image = denial_of(many_paths(1000));
  const auto index = enforcer().publish(image);
  BOOST_REQUIRE(index.has_value());
  BOOST_TEST(*index != 0U);
  BOOST_TEST(enforcer().cells_used() == image.cells.size());
  const usher_profile& header = enforcer().profile(*index);
  BOOST_TEST(header.mask == image.header.mask);
  BOOST_TEST(header.table > 0U);
  BOOST_TEST(header.generation > 0U);
}

BOOST_FIXTURE_TEST_CASE(cells_come_back_after_a_grace_period, KernelFixture) {
  open();
  const auto image = denial_of(many_paths(1000));
  const auto index = enforcer().publish(image);
  BOOST_REQUIRE(index.has_value());
  enforcer().retire(*index);
  BOOST_TEST(enforcer().cells_used() == image.cells.size());
  // Two periods that begin now end after the one that the retiring asked for.
  BOOST_REQUIRE(wait_for_readers().has_value());
  BOOST_REQUIRE(wait_for_readers().has_value());
  const auto next = enforcer().publish(denial_of({"/bin/x"}));
  BOOST_REQUIRE(next.has_value());
  BOOST_TEST(enforcer().cells_used() < image.cells.size());
}

BOOST_FIXTURE_TEST_CASE(a_full_arena_is_an_error_that_says_so, KernelFixture) {
  open();
  const auto image = denial_of(many_paths(20'000));
  bool full = false;
  for (int i = 0; i < USHER_MAX_PROFILES && !full; ++i) {
    const auto index = enforcer().publish(image);
    full = !index.has_value();
    if (full) {
      BOOST_TEST(index.error().message.find("no room") != std::string::npos);
    }
  }
  BOOST_TEST(full);
}

BOOST_FIXTURE_TEST_CASE(room_that_only_waits_for_its_grace_period_is_used, KernelFixture) {
  open();
  const auto image = denial_of(many_paths(20'000));
  std::vector<std::uint32_t> held;
  for (auto index = enforcer().publish(image); index; index = enforcer().publish(image)) {
    held.push_back(*index);
  }
  BOOST_REQUIRE(!held.empty());
  enforcer().retire(held.front());
  BOOST_TEST(enforcer().publish(image).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_profile_in_use_is_kept_until_the_last_workload_has_left_it,
                        KernelFixture) {
  open();
  const ScratchCgroup cgroup(enforcer().cgroup_root());
  const auto index = enforcer().publish(denial_of({"/bin/x"}));
  BOOST_REQUIRE(index.has_value());
  const auto slot = enforcer().enrol(cgroup.placement(), *index, 0);
  BOOST_REQUIRE(slot.has_value());
  enforcer().retire(*index);
  BOOST_REQUIRE(wait_for_readers().has_value());
  BOOST_REQUIRE(wait_for_readers().has_value());
  BOOST_REQUIRE(enforcer().publish(denial_of({"/bin/y"})).has_value());
  BOOST_TEST(enforcer().profile(*index).generation != 0U);
  BOOST_TEST(!enforcer().switch_to(*slot, *index).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
