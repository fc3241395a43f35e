// Kata's containers as an agent that knows of guests is told of them.
#include <boost/test/unit_test.hpp>

#include "link_fixture.hpp"

namespace usher::containerd::test {
namespace {

struct WithGuests : LinkFixture {
  WithGuests() {
    host.speak(2);
    serve();
    start();
  }
  const usher::test::LoopHost::Published& last(std::uint32_t kind) {
    const auto at = std::find_if(host.published.rbegin(), host.published.rend(),
                                 [&](const auto& each) { return each.kind == kind; });
    BOOST_REQUIRE((at != host.published.rend()));
    return *at;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(guests, WithGuests)

BOOST_AUTO_TEST_CASE(a_kata_container_is_known_before_its_start_and_is_no_gate) {
  registered();
  BOOST_TEST(ask("StateChange", event(1, pod("s1", "kata"))).has_value());
  BOOST_TEST(last(USHER_EVENT_SANDBOX_STARTING).who.guest);
  v1::PodAndContainer create;
  *create.mutable_pod() = pod("s1", "kata");
  *create.mutable_container() = container("c1", 0);
  BOOST_TEST(ask("CreateContainer", create).has_value());
  const auto& made = last(USHER_EVENT_CONTAINER_STARTING);
  BOOST_TEST(made.who.guest);
  BOOST_TEST(made.who.container_id == "c1");
  BOOST_TEST(made.who.sandbox_id == "s1");
  BOOST_TEST(made.who.pod_labels.at("app") == "api");
  BOOST_TEST(made.pid == 0);
  const auto gates = count(USHER_EVENT_CONTAINER_STARTING);
  BOOST_TEST(ask("StateChange", event(6, pod("s1", "kata"), container())).has_value());
  BOOST_TEST(count(USHER_EVENT_CONTAINER_STARTING) == gates);
  BOOST_TEST(ask("StateChange", event(7, pod("s1", "kata"), container("c1", 3))).has_value());
  BOOST_TEST(last(USHER_EVENT_CONTAINER_RUNNING).who.guest);
  BOOST_TEST(ask("StateChange", event(11, pod("s1", "kata"), container("c1", 4))).has_value());
  BOOST_TEST(last(USHER_EVENT_CONTAINER_GONE).who.container_id == "c1");
}

BOOST_AUTO_TEST_CASE(a_list_tells_those_that_are_made_and_those_that_run) {
  v1::SynchronizeRequest list;
  *list.add_pods() = pod("s1", "kata");
  *list.add_containers() = container("made", 1);
  *list.add_containers() = container("runs", 3);
  *list.add_containers() = container("ended", 4);
  registered(list);
  BOOST_TEST(last(USHER_EVENT_CONTAINER_STARTING).who.container_id == "made");
  BOOST_TEST(last(USHER_EVENT_CONTAINER_RUNNING).who.container_id == "runs");
  BOOST_TEST(count(USHER_EVENT_CONTAINER_STARTING) + count(USHER_EVENT_CONTAINER_RUNNING) == 2U);
  BOOST_TEST((host.published.back().kind == USHER_EVENT_SYNCED));
}

BOOST_AUTO_TEST_CASE(other_containers_are_no_guests) {
  registered();
  v1::PodAndContainer create;
  *create.mutable_pod() = pod("s1", "runc");
  *create.mutable_container() = container("c1", 0);
  BOOST_TEST(ask("CreateContainer", create).has_value());
  BOOST_TEST(count(USHER_EVENT_CONTAINER_STARTING) == 0U);
  BOOST_TEST(ask("StateChange", event(1, pod("s1", "runc"))).has_value());
  BOOST_TEST(!last(USHER_EVENT_SANDBOX_STARTING).who.guest);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::containerd::test
