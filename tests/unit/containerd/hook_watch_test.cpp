// That `closed` and `inject` are believed only as long as their hook is called for what starts.
#include <boost/test/unit_test.hpp>

#include "link_fixture.hpp"

namespace usher::containerd::test {

struct HookFixture : LinkFixture {
  void starts(const std::string& id, const std::string& handler = "") {
    const auto before = count(USHER_EVENT_CONTAINER_STARTING);
    const auto stream = runtime->ask(
        "StateChange", event(6, pod("s1", handler), container(id)).SerializeAsString());
    run_until([&] { return count(USHER_EVENT_CONTAINER_STARTING) > before; });
    agent_answers(USHER_OK);
    BOOST_TEST(answered(stream).has_value());
  }
  bool degraded() const { return host.healths.back().starts_with("2 started without the hook"); }
  std::size_t warnings() const {
    return static_cast<std::size_t>(std::ranges::count_if(host.logged, [](const auto& line) {
      return line.find("started without the hook") != std::string::npos;
    }));
  }
};

BOOST_FIXTURE_TEST_SUITE(containerd_hook_watch, HookFixture)

BOOST_AUTO_TEST_CASE(a_start_without_the_hook_shows_that_the_base_spec_is_not_in_force) {
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = pod();
  registered(list);
  BOOST_REQUIRE(identify().has_value());
  starts("c1");
  BOOST_TEST(healthy());
  starts("c2");  // no call of the hook
  BOOST_TEST(degraded());
  BOOST_TEST(host.healths.back().find("base spec not in force") != std::string::npos);
  BOOST_TEST(host.healths.back().find("c2") != std::string::npos);
  BOOST_TEST(host.healths.back().find("in time") == std::string::npos);
  BOOST_TEST(warnings() == 1U);
}

BOOST_AUTO_TEST_CASE(it_is_well_again_when_the_hook_is_called_for_that_runtime) {
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = pod();
  registered(list);
  starts("c2", "other");
  BOOST_TEST(degraded());
  BOOST_REQUIRE(identify().has_value());
  starts("c1");  // another runtime's base spec says nothing of it
  BOOST_TEST(degraded());
  BOOST_REQUIRE(identify().has_value());
  starts("c1", "other");
  BOOST_TEST(healthy());
}

BOOST_AUTO_TEST_CASE(a_hook_that_may_give_up_is_not_taken_for_none) {
  serve();
  start({{"fail", std::string("open")}});
  registered();
  starts("c1");
  BOOST_TEST(degraded());
  BOOST_TEST(host.healths.back().find("or its call did not reach the agent in time") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_was_made_before_the_registration_says_nothing) {
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = pod();
  *list.add_containers() = container("c1", 1);
  registered(list);
  starts("c1");
  BOOST_TEST(healthy());
  BOOST_TEST(warnings() == 0U);
}

BOOST_AUTO_TEST_CASE(a_new_list_begins_anew) {
  serve();
  start();
  registered();
  starts("c1");
  BOOST_TEST(degraded());
  runtime->hang_up();
  registered();
  BOOST_TEST(healthy());
}

BOOST_AUTO_TEST_CASE(many_starts_without_it_are_counted_and_not_all_logged) {
  serve();
  start({{"mode", std::string("inject")}, {"hook_dir", put_program().parent_path().string()}});
  registered();
  for (int i = 0; i < 5; ++i) {
    starts("c" + std::to_string(i));
  }
  BOOST_TEST(degraded());
  BOOST_TEST(warnings() == 3U);  // at 1, 2, 4
  BOOST_TEST(host.logged.back().find("4 such starts") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(where_nri_is_the_gate_no_hook_is_missed) {
  serve();
  start({{"mode", std::string("nri")}});
  registered();
  starts("c1");
  BOOST_TEST(healthy());
  BOOST_TEST(warnings() == 0U);
}

BOOST_AUTO_TEST_CASE(calls_that_no_start_follows_do_not_pile_up) {
  HookWatch watch(Mode::closed);
  for (std::size_t i = 0; i < 2 * HookWatch::kMaxCalls; ++i) {
    watch.called(std::to_string(i));
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < 2 * HookWatch::kMaxCalls; ++i) {
    const auto before = watch.missed();
    watch.starting("", std::to_string(i));
    kept += watch.missed() == before ? 1 : 0;
  }
  BOOST_TEST(kept == HookWatch::kMaxCalls);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::containerd::test
