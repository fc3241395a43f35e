#include <cstring>

#include "kernel_fixture.hpp"

using namespace usher::enforce;           // NOLINT
using namespace usher::enforce::testing;  // NOLINT
namespace fs = std::filesystem;

namespace {

std::vector<std::string> generations(const fs::path& pins) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(pins / "v1" / "links")) {
    names.push_back(entry.path().filename());
  }
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(adoption, *boost::unit_test::precondition(kernel_takes_bpf))

BOOST_FIXTURE_TEST_CASE(key_workloads_and_profiles_are_taken_over, KernelFixture) {
  open();
  const ScratchCgroup cgroup(enforcer().cgroup_root());
  const usher_key key = enforcer().key();
  const auto kept = enforcer().publish(denial_of({"/bin/denied"}));
  const auto unused = enforcer().publish(denial_of({"/bin/other"}));
  BOOST_REQUIRE((kept && unused));
  const auto slot = enforcer().enrol(cgroup.placement(), *kept, 0);
  BOOST_REQUIRE(slot.has_value());
  const usher_profile header = enforcer().profile(*kept);
  close();

  open();
  BOOST_TEST(enforcer().adopted());
  BOOST_TEST(std::memcmp(&key, &enforcer().key(), sizeof key) == 0);
  BOOST_REQUIRE(enforcer().enrolled().size() == 1U);
  BOOST_TEST(enforcer().enrolled()[0].slot == *slot);
  BOOST_TEST(std::memcmp(&header, &enforcer().profile(*kept), sizeof header) == 0);
  BOOST_TEST(enforcer().profile(*unused).generation == 0U);
  BOOST_TEST(!enforcer().enrol(cgroup.placement(), 0, 0).has_value());

  // A new profile must not lie on the one that was taken over.
  BOOST_REQUIRE(enforcer().publish(denial_of({"/bin/new"})).has_value());
  BOOST_TEST(std::memcmp(&header, &enforcer().profile(*kept), sizeof header) == 0);
}

BOOST_FIXTURE_TEST_CASE(only_the_links_of_the_last_start_stay, KernelFixture) {
  open();
  close();
  open();
  BOOST_TEST((generations(pins()) == std::vector<std::string>{"2"}));
}

BOOST_FIXTURE_TEST_CASE(links_of_a_start_that_was_cut_short_are_replaced, KernelFixture) {
  open();
  close();
  // A crash after the first of the next start's links was pinned.
  const fs::path half = pins() / "v1" / "links" / "2";
  fs::create_directory(half);
  const fs::path first = *fs::directory_iterator(pins() / "v1" / "links" / "1");
  fs::rename(first, half / first.filename());
  open();
  BOOST_TEST((generations(pins()) == std::vector<std::string>{"3"}));
}

BOOST_AUTO_TEST_SUITE_END()
