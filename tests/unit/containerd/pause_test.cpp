// What the adapter tells of the containers that pods' sandboxes are.
#include <boost/test/unit_test.hpp>

#include "link_fixture.hpp"

namespace usher::containerd::test {
namespace {

struct Pauses : LinkFixture {
  static v1::PodSandbox with_pause(const std::string& handler = "") {
    auto of = pod("s1", handler);
    of.set_pid(77);
    of.mutable_linux()->set_cgroups_path("/kubepods/podu1/s1");
    return of;
  }
  void registered_with(const std::string& version, const v1::SynchronizeRequest& list = {}) {
    connect();
    v1::ConfigureRequest message;
    message.set_runtime_name("containerd");
    message.set_runtime_version(version);
    message.set_request_timeout(2000);
    BOOST_REQUIRE(ask("Configure", message).has_value());
    BOOST_REQUIRE(ask("Synchronize", list).has_value());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pauses, Pauses)

BOOST_AUTO_TEST_CASE(containerd_1_waits_with_the_pause_for_the_agents_answer) {
  serve();
  start();
  registered_with("1.7.24~ds1");
  const auto stream = runtime->ask("StateChange", event(1, with_pause()).SerializeAsString());
  run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) == 1; });
  BOOST_TEST(!runtime->answer(stream).has_value());
  const auto& told = host.published.back();
  BOOST_TEST(told.who.is_sandbox);
  BOOST_TEST(told.who.container_id == "s1");
  BOOST_TEST(told.who.sandbox_id == "s1");
  BOOST_TEST(told.pid == 77);
  BOOST_TEST(count(USHER_EVENT_SANDBOX_STARTING) == 1U);
  agent_answers(USHER_FAILED, "no room for it");
  const auto answer = answered(stream);
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message.find("no room for it") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(containerd_1_is_known_by_its_makers_way_to_write_versions) {
  serve();
  start();
  registered_with("v1.7.24");
  const auto stream = runtime->ask("StateChange", event(1, with_pause()).SerializeAsString());
  run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) == 1; });
  BOOST_TEST(!runtime->answer(stream).has_value());
  agent_answers(USHER_OK);
  BOOST_TEST(answered(stream).has_value());
}

BOOST_AUTO_TEST_CASE(later_ones_tell_of_a_pause_that_runs) {
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = with_pause();
  registered_with("v2.1.9", list);
  const std::vector<std::uint32_t> listed = {USHER_EVENT_LISTING, USHER_EVENT_SANDBOX_STARTING,
                                             USHER_EVENT_CONTAINER_RUNNING, USHER_EVENT_SYNCED};
  BOOST_TEST(kinds() == listed, boost::test_tools::per_element());
  BOOST_TEST(host.published[2].who.is_sandbox);
  BOOST_TEST(host.published[2].pid == 77);
  BOOST_TEST(ask("StateChange", event(1, with_pause())).has_value());
  BOOST_TEST(host.published.back().kind == unsigned{USHER_EVENT_CONTAINER_RUNNING});
  BOOST_TEST(host.published.back().who.container_id == "s1");
}

BOOST_AUTO_TEST_CASE(a_sandbox_without_a_process_of_this_node_has_none) {
  serve();
  start();
  registered_with("1.7.24");
  BOOST_TEST(ask("StateChange", event(1, pod())).has_value());
  BOOST_TEST(ask("StateChange", event(1, with_pause("kata"))).has_value());
  BOOST_TEST(count(USHER_EVENT_SANDBOX_STARTING) == 2U);
  BOOST_TEST(count(USHER_EVENT_CONTAINER_STARTING) == 0U);
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::containerd::test
