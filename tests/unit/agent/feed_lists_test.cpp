// An adapter's lists: what they sweep, and what they make the agent say. And the bounds of the
// records that it keeps of sandboxes.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "feed_world.hpp"

namespace usher::agent::test {

BOOST_FIXTURE_TEST_SUITE(feed_lists, FeedWorld)

BOOST_AUTO_TEST_CASE(what_cannot_be_adopted_is_told_once_and_warned_of_until_it_is_gone) {
  container("c1", 100, 1);  // the agent's own cgroup
  BOOST_TEST(fails_with(running("c1", 100), "own cgroup"));
  const auto told = log_text.str().size();
  BOOST_TEST(fails_with(running("c1", 100), "own cgroup"));
  BOOST_TEST(log_text.str().size() == told);
  BOOST_TEST(feed.warnings().size() == 1U);
  BOOST_TEST(publish(Kind::container_gone, host.who["c1"]).has_value());
  BOOST_TEST(feed.warnings().empty());
}

BOOST_AUTO_TEST_CASE(a_flood_that_cannot_be_adopted_is_told_once_a_minute_with_a_count) {
  const auto told = [this] {
    const auto text = log_text.str();
    std::size_t lines = 0;
    for (auto at = text.find("\"not-adopted\""); at != text.npos;
         at = text.find("\"not-adopted\"", at + 1)) {
      ++lines;
    }
    return lines;
  };
  const auto flood = [this](int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto id = "c" + std::to_string(i);
      container(id, 100 + i, 1);  // the agent's own cgroup
      BOOST_TEST(!running(id, 100 + i).has_value());
    }
  };
  flood(0, 1024);
  BOOST_TEST(told() == 1024U);
  flood(1024, 1100);
  BOOST_TEST(told() == 1025U);
  flood(1024, 1100);  // the next list names them again
  BOOST_TEST(told() == 1025U);
  clock += std::chrono::seconds(60);
  flood(1100, 1102);
  BOOST_TEST(told() == 1026U);
  BOOST_TEST(log_text.str().find("(151 more like this were not told since)") != std::string::npos);
  BOOST_TEST(feed.warnings().back().find("at least 1019 running") == 0U);
}

BOOST_AUTO_TEST_CASE(records_that_are_not_taken_are_told_some_times_a_minute) {
  const auto refuse = [this] {
    auto large = sandbox("s1", "payments", "a", {});
    large.pod_labels["k"] = std::string(1U << 20, 'x');
    BOOST_TEST(!publish(Kind::sandbox_starting, std::move(large)).has_value());
  };
  for (int i = 0; i < 100; ++i) {
    refuse();
  }
  clock += std::chrono::seconds(60);
  refuse();
  const auto text = log_text.str();
  BOOST_TEST(std::ranges::count(text, '\n') == 61);
  BOOST_TEST(text.find("(40 more were not told since)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_list_sweeps_the_sandboxes_it_did_not_name_and_no_workload) {
  container("c1", 100, 50);
  BOOST_TEST(gate("c1", 100));
  publish(Kind::sandbox_starting, sandbox("s1", "payments", "a", {}));
  publish(Kind::sandbox_starting, sandbox("s2", "payments", "b", {}));
  publish(Kind::sandbox_starting, sandbox("s3", "payments", "c", {}), 0, {}, "other");
  publish(Kind::synced, {});
  BOOST_TEST(sandboxes.size() == 3U);  // all were said since the list before
  publish(Kind::sandbox_starting, sandbox("s2", "payments", "b", {}));
  publish(Kind::synced, {});
  BOOST_TEST(sandboxes.find("fake", "s1") == nullptr);
  BOOST_TEST(sandboxes.find("fake", "s2") != nullptr);
  BOOST_TEST(sandboxes.find("fake", "s3") != nullptr);
  BOOST_TEST(!registry.by_container("c1")->workload.ended);
}

BOOST_AUTO_TEST_CASE(what_was_said_between_two_lists_does_not_outlive_a_list_that_leaves_it_out) {
  publish(Kind::listing, {});
  publish(Kind::synced, {});
  publish(Kind::sandbox_starting, sandbox("s1", "payments", "a", {}));
  publish(Kind::listing, {});
  BOOST_TEST(sandboxes.find("fake", "s1") != nullptr);  // until the list is complete
  publish(Kind::synced, {});
  BOOST_TEST(sandboxes.find("fake", "s1") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_list_that_breaks_off_sweeps_nothing_and_the_next_begins_anew) {
  publish(Kind::sandbox_starting, sandbox("s1", "payments", "a", {}));
  publish(Kind::sandbox_starting, sandbox("s2", "payments", "b", {}));
  publish(Kind::listing, {});
  publish(Kind::sandbox_starting, sandbox("s1", "payments", "a", {}));  // then the runtime is lost
  publish(Kind::listing, {});
  BOOST_TEST(sandboxes.size() == 2U);
  publish(Kind::sandbox_starting, sandbox("s2", "payments", "b", {}));
  publish(Kind::synced, {});
  BOOST_TEST(sandboxes.find("fake", "s1") == nullptr);  // named in the list that broke off only
  BOOST_TEST(sandboxes.find("fake", "s2") != nullptr);
}

BOOST_AUTO_TEST_CASE(a_refusal_that_a_list_names_again_stays_and_one_that_it_does_not_goes) {
  for (const auto* id : {"c1", "c2"}) {
    container(id, 100, 1);  // the agent's own cgroup: refused
  }
  publish(Kind::listing, {});
  BOOST_TEST(!running("c1", 100).has_value());
  BOOST_TEST(!running("c2", 100).has_value());
  publish(Kind::synced, {});
  publish(Kind::listing, {});
  BOOST_TEST(!running("c2", 100).has_value());
  BOOST_TEST(feed.warnings().size() == 2U);
  publish(Kind::synced, {});
  BOOST_TEST_REQUIRE(feed.warnings().size() == 1U);
  BOOST_TEST(feed.warnings().front().find("(c2)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_list_sweeps_the_sandboxes_and_refusals_of_its_own_runtime_only) {
  const auto of_other = [&](Kind kind, identity::Identity who, int pid = 0) {
    return publish(kind, std::move(who), pid, {}, "feeder", "other");
  };
  container("c1", 100, 1);  // the agent's own cgroup: refused
  of_other(Kind::sandbox_starting, sandbox("s1", "payments", "a", {}));
  BOOST_TEST(!of_other(Kind::container_running, host.who["c1"], 100).has_value());
  publish(Kind::listing, {});
  publish(Kind::synced, {});
  publish(Kind::listing, {});
  publish(Kind::synced, {});
  BOOST_TEST(sandboxes.find("other", "s1") != nullptr);
  BOOST_TEST(feed.warnings().size() == 1U);
  of_other(Kind::listing, {});
  of_other(Kind::synced, {});
  BOOST_TEST(sandboxes.find("other", "s1") == nullptr);
  BOOST_TEST(feed.warnings().empty());
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_is_gone_is_forgotten_by_its_own_adapter_only) {
  publish(Kind::sandbox_starting, sandbox("s1", "payments", "a", {}));
  publish(Kind::sandbox_gone, sandbox("s1", "payments", "a", {}), 0, {}, "other");
  BOOST_TEST(sandboxes.size() == 1U);
  publish(Kind::sandbox_gone, sandbox("s1", "payments", "a", {}));
  BOOST_TEST(sandboxes.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sandbox_records)

BOOST_AUTO_TEST_CASE(an_adapter_fills_its_own_room_only) {
  Sandboxes sandboxes({.per_adapter = 2, .record_bytes = 100});
  const auto keep = [&](const std::string& adapter, const std::string& id) {
    identity::Identity record;
    record.sandbox_id = id;
    return sandboxes.keep(adapter, "r", record);
  };
  BOOST_TEST((keep("a", "1") && keep("a", "2")));
  BOOST_TEST(fails_with(keep("a", "3"), "room"));
  BOOST_TEST(keep("a", "2").has_value());
  BOOST_TEST(keep("b", "4").has_value());
  BOOST_TEST(fails_with(keep("b", "1"), "named by adapter a"));
  sandboxes.drop("a", "r", "1");
  BOOST_TEST(keep("a", "3").has_value());
}

BOOST_AUTO_TEST_CASE(a_record_is_bounded_and_must_have_an_id) {
  Sandboxes sandboxes({.per_adapter = 2, .record_bytes = 100});
  identity::Identity record;
  BOOST_TEST(fails_with(sandboxes.keep("a", "r", record), "without an id"));
  record.sandbox_id = "1";
  record.pod_labels["k"] = std::string(200, 'x');
  BOOST_TEST(fails_with(sandboxes.keep("a", "r", record), "at most 100"));
  BOOST_TEST(sandboxes.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
