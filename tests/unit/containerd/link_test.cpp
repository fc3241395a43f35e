// What the adapter makes of a runtime's events, and when it answers them.
#include <boost/test/unit_test.hpp>

#include "containerd/listed_labels.hpp"
#include "containerd/nri/answers.hpp"
#include "link_fixture.hpp"

namespace usher::containerd::test {

BOOST_FIXTURE_TEST_SUITE(containerd_link, LinkFixture)

BOOST_AUTO_TEST_CASE(a_pod_is_told_with_its_labels_and_the_runtime_does_not_wait) {
  serve();
  start();
  registered();
  BOOST_TEST(ask("StateChange", event(1, pod("s1", "other"))).has_value());
  BOOST_REQUIRE(!host.published.empty());
  const auto& told = host.published.back();
  BOOST_TEST(told.kind == unsigned{USHER_EVENT_SANDBOX_STARTING});
  BOOST_TEST(told.runtime == "containerd");
  BOOST_TEST(told.who.sandbox_id == "s1");
  BOOST_TEST(told.who.pod_namespace == "payments");
  BOOST_TEST(told.who.runtime_handler == "other");
  BOOST_TEST(told.who.labels_known);
  BOOST_TEST(told.who.pod_labels.at("app") == "api");
  BOOST_TEST(told.who.is_sandbox);
  BOOST_TEST(ask("StateChange", event(3, pod())).has_value());
  BOOST_TEST(host.published.back().kind == unsigned{USHER_EVENT_SANDBOX_GONE});
}

BOOST_AUTO_TEST_CASE(a_start_is_answered_when_the_agent_has_enrolled_and_not_before) {
  serve();
  start();
  registered();
  const auto stream = runtime->ask("StateChange", event(6, pod(), container()).SerializeAsString());
  run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) == 1; });
  BOOST_TEST(!runtime->answer(stream).has_value());
  const auto& told = host.published.back();
  BOOST_TEST(told.pid == 4242);
  BOOST_TEST(told.cgroup_path == "");
  BOOST_TEST(told.who.container_id == "c1");
  BOOST_TEST(told.who.container_name == "main");
  BOOST_TEST(!told.who.is_sandbox);
  BOOST_TEST(told.who.pod_labels.at("app") == "api");
  agent_answers(USHER_OK);
  const auto answer = answered(stream);
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(*answer == "");
}

BOOST_AUTO_TEST_CASE(a_start_that_the_agent_refuses_is_an_error_with_its_words) {
  serve();
  start();
  registered();
  const auto stream = runtime->ask("StateChange", event(6, pod(), container()).SerializeAsString());
  run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) == 1; });
  agent_answers(USHER_FAILED, "no room for it");
  const auto answer = answered(stream);
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message.find("no room for it") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_start_that_the_agent_does_not_decide_is_refused_in_time) {
  serve();
  start();
  connect();
  BOOST_REQUIRE(configure("containerd", 60).has_value());
  const auto answer = ask("StateChange", event(6, pod(), container()));
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message.find("status 4") != std::string::npos);
  agent_answers(USHER_OK);  // too late for this start
  BOOST_TEST(ask("StateChange", event(7, pod(), container("c1", 3))).has_value());
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 1U);  // it was never let start
}

BOOST_AUTO_TEST_CASE(a_container_without_process_and_cgroup_may_not_start) {
  serve();
  start();
  registered();
  auto bare = container();
  bare.clear_pid();
  BOOST_TEST(!ask("StateChange", event(6, pod(), bare)).has_value());
  bare.mutable_linux()->set_cgroups_path("/kubepods/podu1/c1");
  const auto stream = runtime->ask("StateChange", event(6, pod(), bare).SerializeAsString());
  run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) == 1; });
  BOOST_TEST(host.published.back().cgroup_path == "/kubepods/podu1/c1");
  agent_answers(USHER_OK);
  BOOST_TEST(answered(stream).has_value());
  auto other = container();
  other.set_pod_sandbox_id("s2");
  BOOST_TEST(!ask("StateChange", event(6, pod(), other)).has_value());
  BOOST_TEST(!ask("StateChange", event(6, pod())).has_value());
}

BOOST_AUTO_TEST_CASE(what_has_started_is_told_as_running_whether_or_not_we_let_it) {
  serve();
  start();
  registered();
  BOOST_TEST(ask("StateChange", event(7, pod(), container("c1", 3))).has_value());
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 1U);
  const auto stream =
      runtime->ask("StateChange", event(6, pod(), container("c2")).SerializeAsString());
  run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) == 1; });
  agent_answers(USHER_OK);
  BOOST_TEST(answered(stream).has_value());
  BOOST_TEST(ask("StateChange", event(7, pod(), container("c2", 3))).has_value());
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 2U);  // one may have been restored
  BOOST_TEST(ask("StateChange", event(11, pod(), container("c2", 4))).has_value());
  BOOST_TEST(host.published.back().kind == unsigned{USHER_EVENT_CONTAINER_GONE});
}

BOOST_AUTO_TEST_CASE(a_list_in_parts_is_told_as_one) {
  serve();
  start();
  connect();
  BOOST_REQUIRE(configure().has_value());
  v1::SynchronizeRequest first;
  *first.add_pods() = pod();
  first.set_more(true);
  BOOST_REQUIRE(ask("Synchronize", first).has_value());
  BOOST_TEST(host.published.empty());
  BOOST_TEST(!healthy());
  v1::SynchronizeRequest last;
  *last.add_pods() = pod("s2");
  *last.add_containers() = container("made", 1);
  *last.add_containers() = container("runs", 3);
  *last.add_containers() = container("paused", 2);
  *last.add_containers() = container("over", 4);
  auto stray = container("stray", 3);
  stray.set_pod_sandbox_id("s9");
  *last.add_containers() = stray;
  BOOST_REQUIRE(ask("Synchronize", last).has_value());
  const std::vector<std::uint32_t> expected = {
      USHER_EVENT_LISTING,           USHER_EVENT_SANDBOX_STARTING,  USHER_EVENT_SANDBOX_STARTING,
      USHER_EVENT_CONTAINER_RUNNING, USHER_EVENT_CONTAINER_RUNNING, USHER_EVENT_SYNCED};
  BOOST_TEST(kinds() == expected, boost::test_tools::per_element());
  BOOST_TEST(host.published[3].who.container_id == "runs");
  BOOST_TEST(std::ranges::any_of(host.logged, [](const auto& line) {
    return line.find("stray") != std::string::npos && line.find("s9") != std::string::npos;
  }));
  BOOST_TEST(healthy());
}

BOOST_AUTO_TEST_CASE(a_list_that_was_cut_off_leaves_nothing_behind) {
  serve();
  start();
  connect();
  BOOST_REQUIRE(configure().has_value());
  v1::SynchronizeRequest first;
  *first.add_pods() = pod("old");
  first.set_more(true);
  BOOST_REQUIRE(ask("Synchronize", first).has_value());
  runtime->hang_up();
  registered();
  BOOST_TEST(count(USHER_EVENT_SANDBOX_STARTING) == 0U);
  BOOST_TEST(count(USHER_EVENT_SYNCED) == 1U);
}

BOOST_AUTO_TEST_CASE(what_the_agent_has_no_room_for_comes_later_in_its_order) {
  serve();
  start();
  host.busy = 3;
  v1::SynchronizeRequest list;
  *list.add_pods() = pod();
  registered(list);
  run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  const std::vector<std::uint32_t> expected = {USHER_EVENT_LISTING, USHER_EVENT_SANDBOX_STARTING,
                                               USHER_EVENT_SYNCED};
  BOOST_TEST(kinds() == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_long_list_leaves_room_for_a_start) {
  serve();
  start();
  v1::SynchronizeRequest list;
  for (int i = 0; i < 1500; ++i) {
    *list.add_pods() = pod("s" + std::to_string(i));
  }
  registered(list);
  BOOST_TEST(host.published.size() == Outbox::kMaxOpen);
  runtime->ask("StateChange", event(6, pod(), container()).SerializeAsString());
  run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) == 1; });
  agent_answers(USHER_OK);
}

BOOST_AUTO_TEST_CASE(a_container_of_a_lost_sandbox_is_gone_all_the_same) {
  serve();
  start();
  registered();
  auto bare = container();
  bare.clear_name();
  BOOST_TEST(ask("StateChange", event(11, v1::PodSandbox(), bare)).has_value());
  BOOST_TEST(count(USHER_EVENT_CONTAINER_GONE) == 1U);
  BOOST_TEST(host.published.back().who.container_id == "c1");
  BOOST_TEST(host.published.back().who.sandbox_id == "s1");
}

// The resolved name of a later runtime's field would not meet a policy that was written for the
// name that is asked for.
BOOST_AUTO_TEST_CASE(the_image_is_the_name_that_was_asked_for) {
  serve();
  start();
  registered();
  auto resolved = container();
  resolved.mutable_image()->set_name("docker.io/library/api:1");
  BOOST_TEST(ask("StateChange", event(7, pod(), resolved)).has_value());
  BOOST_TEST(host.published.back().who.image == "docker.io/library/api:1");
  auto* annotation = resolved.add_annotations();
  annotation->set_key("io.kubernetes.cri.image-name");
  annotation->set_value("api:1");
  BOOST_TEST(ask("StateChange", event(7, pod(), resolved)).has_value());
  BOOST_TEST(host.published.back().who.image == "api:1");
}

// One copy a pod: a pod's author writes labels, and containers.
BOOST_AUTO_TEST_CASE(a_lists_containers_come_without_the_labels_that_their_pods_record_has) {
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = pod();
  *list.add_containers() = container("c1", 3);
  registered(list);
  BOOST_REQUIRE(host.published.size() == 4U);
  BOOST_TEST(host.published[1].who.pod_labels.at("app") == "api");
  const auto& listed = host.published[2].who;
  BOOST_TEST(listed.container_id == "c1");
  BOOST_TEST(!listed.labels_known);
  BOOST_TEST(listed.pod_labels.empty());
  // One by one they are told with them.
  BOOST_TEST(ask("StateChange", event(7, pod(), container("c2", 3))).has_value());
  BOOST_TEST(host.published.back().who.pod_labels.at("app") == "api");
}

BOOST_AUTO_TEST_CASE(where_a_lists_labels_are_too_many_bytes_those_of_the_largest_pods_go) {
  std::vector<nri::Pod> pods(4);
  pods[0].labels = {{"k", std::string(99, 'v')}};
  pods[1].labels = {{"k", std::string(9, 'v')}};
  pods[2].labels = {{"k", std::string(49, 'v')}};
  bound_labels(pods, 60);
  BOOST_TEST(pods[0].labels.empty());
  BOOST_TEST(!pods[0].labels_problem.empty());
  BOOST_TEST(pods[1].labels.size() == 1U);
  BOOST_TEST(pods[2].labels.size() == 1U);
  BOOST_TEST(pods[3].labels_problem.empty());
}

BOOST_AUTO_TEST_CASE(a_list_without_end_is_refused) {
  serve();
  start();
  connect();
  BOOST_REQUIRE(configure().has_value());
  v1::SynchronizeRequest part;
  part.set_more(true);
  constexpr std::size_t kParts = 32;
  for (std::size_t i = 0; i < Outbox::kMaxWaiting / kParts; ++i) {
    *part.add_containers() = container("c" + std::to_string(i));
  }
  for (std::size_t i = 0; i < kParts; ++i) {
    BOOST_REQUIRE(ask("Synchronize", part).has_value());
  }
  const auto answer = ask("Synchronize", part);
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message.find("which no node has") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_went_is_lost_until_it_has_registered_us_again) {
  serve();
  start();
  registered();
  BOOST_TEST(healthy());
  runtime->hang_up();
  run_until([&] { return !healthy(); });
  registered();
  BOOST_TEST(healthy());
  BOOST_TEST(count(USHER_EVENT_SYNCED) == 2U);
}

BOOST_AUTO_TEST_CASE(it_stops_while_a_start_waits) {
  serve();
  start();
  registered();
  runtime->ask("StateChange", event(6, pod(), container()).SerializeAsString());
  run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) == 1; });
  agent_answers(USHER_FAILED, "the agent is stopping");
  stop();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::containerd::test
