// When tasks that run already are tagged, and when not yet.
#include <boost/test/unit_test.hpp>

#include "feed_world.hpp"

namespace usher::agent::test {

BOOST_FIXTURE_TEST_SUITE(feed_tags, FeedWorld)

BOOST_AUTO_TEST_CASE(a_running_container_is_enrolled_and_then_its_tasks_are_tagged) {
  container("c1", 100, 50);
  BOOST_TEST(running("c1", 100).has_value());
  const std::vector<std::string> order{"enrol 1", "tag in /containers/c1"};
  BOOST_TEST(enforcer.calls == order, boost::test_tools::per_element());
  BOOST_TEST(registry.by_container("c1")->started);
}

BOOST_AUTO_TEST_CASE(one_pass_tags_all_that_are_reported_in_a_row) {
  for (int i = 0; i < 20; ++i) {
    const auto id = "c" + std::to_string(i);
    container(id, 100 + i, 50 + i);
    feed.take({.kind = Kind::container_running,
               .adapter = "feeder",
               .runtime = "fake",
               .identity = host.who.at(id),
               .cgroup_path = {},
               .pid = 100 + i,
               .done = {}});
  }
  loop.restart();
  loop.run();
  BOOST_TEST(enforcer.slots.size() == 20U);
  BOOST_TEST(tags() == 1);
  BOOST_TEST(enforcer.calls.back() == "tag");
}

BOOST_AUTO_TEST_CASE(what_is_enrolled_already_is_confirmed_without_another_pass) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  registry.by_container("c1")->started = true;  // the kernel saw its exec
  BOOST_TEST(running("c1", 100).has_value());
  machine.processes.erase(100);  // beyond telling, but enrolled and there
  BOOST_TEST(running("c1", 100).has_value());
  BOOST_TEST(tags() == 0);
  BOOST_TEST(enforcer.slots.size() == 1U);
}

// A pass meanwhile would take the runtime's process, which still sets up, for the container's.
BOOST_AUTO_TEST_CASE(what_was_let_start_is_given_the_time_to_exec) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  std::optional<Result<>> answer;
  feed.take({.kind = Kind::container_running,
             .adapter = "feeder",
             .runtime = "fake",
             .identity = host.who.at("c1"),
             .cgroup_path = {},
             .pid = 100,
             .done = [&](Result<> result) { answer = std::move(result); }});
  loop.restart();
  loop.poll();
  BOOST_TEST(!answer.has_value());
  BOOST_TEST(tags() == 0);
  registry.by_container("c1")->started = true;  // now the kernel sees its exec
  loop.run();
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->has_value());
  BOOST_TEST(tags() == 0);
}

// One that was restored from a checkpoint passes its gate and never execs.
BOOST_AUTO_TEST_CASE(what_runs_without_having_been_seen_to_exec_is_tagged) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(running("c1", 100).has_value());
  BOOST_TEST(tags() == 1);
  BOOST_TEST(running("c1", 100).has_value());
  BOOST_TEST(tags() == 1);
  BOOST_TEST(feed.found_running() == 0U);
}

// Passes for the sake of others must not take its runtime's process for its own.
BOOST_AUTO_TEST_CASE(what_a_gate_let_start_is_awaited_until_it_is_told_as_running) {
  container("c1", 100, 50);
  container("c2", 200, 60);
  container("c3", 300, 70);
  const auto awaited = [this](std::uint32_t slot) {
    return (enforcer.slots.at(slot).flags & USHER_WORKLOAD_AWAITED) != 0;
  };
  BOOST_TEST(gate("c1", 100));
  BOOST_TEST(starting("c2", 200).has_value());
  BOOST_TEST(running("c3", 300).has_value());
  BOOST_TEST(awaited(1));
  BOOST_TEST(awaited(2));
  BOOST_TEST(!awaited(3));
  BOOST_TEST(running("c1", 100).has_value());
  BOOST_TEST(!awaited(1));
  hook(v1::HOOK_STAGE_POSTSTART, "c2", 200);
  BOOST_TEST(!awaited(2));
}

// An agent that was away may have missed that a container began; most exec, which the kernel saw.
BOOST_AUTO_TEST_CASE(what_waits_after_an_adoption_is_taken_to_run_after_a_while) {
  container("c1", 100, 50);
  container("c2", 200, 60);
  BOOST_TEST((gate("c1", 100) && gate("c2", 200)));
  feed.adopted(std::chrono::milliseconds(1));
  registry.by_container("c2")->started = true;  // the kernel sees its exec
  loop.restart();
  loop.run();
  BOOST_TEST(enforcer.calls.back() == "tag in /containers/c1");
  BOOST_TEST(tags() == 1);
  BOOST_TEST(registry.by_container("c1")->started);
  BOOST_TEST((enforcer.slots.at(1).flags & USHER_WORKLOAD_AWAITED) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
