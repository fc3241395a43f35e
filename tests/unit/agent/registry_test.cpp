#include "agent/registry.hpp"

#include <boost/test/unit_test.hpp>

namespace usher::agent {

namespace {

Entry entry(std::uint32_t slot, const std::string& id, std::uint64_t cgroup) {
  Entry out;
  out.workload.slot = slot;
  out.workload.identity.container_id = id;
  out.workload.identity.pod_namespace = "ns";
  out.workload.identity.pod_name = "pod" + std::to_string(slot);
  out.workload.identity.container_name = "main";
  out.workload.placement.cgroup_id = cgroup;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(registry)

BOOST_AUTO_TEST_CASE(finds_by_slot_container_cgroup_and_name) {
  Registry registry;
  BOOST_REQUIRE(registry.add(entry(3, "abcdef0123", 77)));
  BOOST_TEST(registry.by_slot(3) != nullptr);
  BOOST_TEST(registry.by_container("abcdef0123") == registry.by_slot(3));
  BOOST_TEST(registry.by_cgroup(77) == registry.by_slot(3));
  for (const auto* word : {"abcdef0123", "abcd", "ns/pod3", "ns/pod3/main", "3"}) {
    BOOST_TEST(registry.find(word).value_or(0) == 3U, word);
  }
}

BOOST_AUTO_TEST_CASE(a_prefix_of_two_ids_is_refused_with_both_names) {
  Registry registry;
  BOOST_REQUIRE(registry.add(entry(1, "abcdef01", 1)));
  BOOST_REQUIRE(registry.add(entry(2, "abcdef02", 2)));
  const auto found = registry.find("abcdef");
  BOOST_REQUIRE(!found);
  BOOST_TEST(found.error().message.find("ns/pod1/main (slot 1), ns/pod2/main (slot 2)") !=
             std::string::npos);
  BOOST_TEST(!registry.find("abc"));
}

BOOST_AUTO_TEST_CASE(slot_cgroup_and_running_container_are_unique) {
  Registry registry;
  BOOST_REQUIRE(registry.add(entry(1, "one", 10)));
  BOOST_TEST(!registry.add(entry(1, "two", 11)));
  BOOST_TEST(!registry.add(entry(2, "two", 10)));
  BOOST_TEST(!registry.add(entry(2, "one", 11)));
  BOOST_TEST(registry.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_ended_container_gives_its_id_to_the_next) {
  Registry registry;
  BOOST_REQUIRE(registry.add(entry(1, "one", 10)));
  registry.mark_ended(1);
  BOOST_TEST(registry.by_cgroup(10) == nullptr);
  BOOST_REQUIRE(registry.add(entry(2, "one", 11)));
  BOOST_TEST(registry.by_container("one")->workload.slot == 2U);
  registry.remove(1);
  BOOST_TEST(registry.by_container("one")->workload.slot == 2U);
  BOOST_TEST(!registry.any_ended());
}

BOOST_AUTO_TEST_CASE(names_are_escaped_where_they_are_shown) {
  identity::Identity who;
  who.pod_namespace = "a\x1b";
  who.pod_name = "b";
  BOOST_TEST(display_name(who) == "a\\x1b/b");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent
