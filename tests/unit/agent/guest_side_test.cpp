// The agent in a guest: policies from the host by the agent's own reload, and what it tells.
#include "agent/guest_side.hpp"

#include <boost/test/unit_test.hpp>

#include "agent/reload.hpp"
#include "doubles.hpp"
#include "fake_relay.hpp"
#include "run_until.hpp"

namespace usher::agent::test {

namespace {

std::string policy_text(const std::string& name) {
  return "[policy]\nname = \"" + name +
         "\"\n[select]\nnamespaces = [\"payments\"]\n[[rule]]\nname = \"r\"\non = \"exec\"\n"
         "paths = [\"/bin/sh\"]\naction = \"deny\"\n";
}

// What Agent does with its parts, and a relay that is not one.
struct Guest : World {
  guest::test::FakeRelay relay{loop, run.path() / "relay"};
  std::unique_ptr<GuestSide> side;
  std::unique_ptr<PolicyStore> store;
  std::unique_ptr<adapter::Host> relayed;
  std::vector<std::string> reloads;

  Guest() {
    guest::SessionTiming timing;
    timing.first_pause = std::chrono::milliseconds(5);
    timing.longest_pause = std::chrono::milliseconds(20);
    side = std::make_unique<GuestSide>(GuestSide::Parts{
        loop, *guest::parse_relay_address("unix:" + (run.path() / "relay").string()),
        run.path() / "token", enforcer, registry, hub, journal,
        [this](std::string_view why) { reload(why); }, timing});
    store = std::make_unique<PolicyStore>(
        PolicyStore::Options{
            {}, run.path() / "last-good.json", true, [this] { return side->texts(); }},
        [](const policy::Policy&) { return Result<>{}; });
    relayed = side->host();
  }
  ~Guest() {
    hub.close();
    relayed.reset();
    relay.drop();
    loop.restart();
    loop.poll();
  }

  void reload(std::string_view why) {
    reloads.emplace_back(why);
    store->load();
    policies.use(store->set());
    reapply(registry, policies, profiles, enforcer, journal);
  }
  template <class F>
  bool until(F&& done) {
    return guest::test::run_until(loop, std::forward<F>(done));
  }
  void start() {
    side->start(*store);
    BOOST_REQUIRE(relayed->start());
    BOOST_REQUIRE(until([&] { return !relay.applied.empty(); }));
  }
  void send(std::map<std::string, std::string> texts) {
    const auto before = relay.applied.size();
    relay.policies = std::move(texts);
    ++relay.generation;
    relay.send_policies();
    BOOST_REQUIRE(until([&] { return relay.applied.size() > before; }));
  }
  std::vector<v1::Event> told(std::string_view type) const {
    std::vector<v1::Event> out;
    for (const auto& bytes : relay.told) {
      v1::Event event;
      BOOST_REQUIRE(event.ParseFromString(bytes));
      if (event.type() == type) {
        out.push_back(event);
      }
    }
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(guest_side, Guest)

BOOST_AUTO_TEST_CASE(it_greets_with_what_its_kernel_can_carry_out) {
  start();
  BOOST_TEST(relay.hellos.at(0).enforces() == 31U);
  BOOST_TEST(relay.hellos[0].backend() == "lsm");
  enforcer.use(policy::tracepoint_capabilities());
  BOOST_TEST(greeting_of(enforcer).enforces == 13U);
  enforcer.use(policy::no_capabilities());
  BOOST_TEST(greeting_of(enforcer).enforces == 0U);
}

BOOST_AUTO_TEST_CASE(policies_of_the_host_reach_what_runs_already) {
  start();
  container("c1", 100, 50);
  BOOST_REQUIRE(gate("c1", 100));
  BOOST_TEST(enforcer.slots.at(1).profile == 0U);
  send({{"p", policy_text("p")}});
  BOOST_TEST(enforcer.slots.at(1).profile != 0U);
  BOOST_TEST(relay.applied.back().generation() == relay.generation);
  BOOST_TEST(relay.applied.back().problems_size() == 0);
  BOOST_TEST(reloads.back().find("generation 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_bad_policy_is_told_and_the_last_good_one_stays) {
  start();
  send({{"p", policy_text("p")}, {"q", policy_text("q")}});
  send({{"p", "broken"}, {"q", policy_text("q")}});
  BOOST_REQUIRE(relay.applied.back().problems_size() == 1);
  BOOST_TEST(relay.applied.back().problems(0).find("host:p.toml:1") != std::string::npos);
  BOOST_TEST(store->set().policies.size() == 2U);
  send({{"q", policy_text("q")}});
  BOOST_TEST(relay.applied.back().problems_size() == 0);
  BOOST_TEST(store->set().policies.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_workload_that_keeps_its_older_profile_is_told) {
  start();
  container("c1", 100, 50);
  BOOST_REQUIRE(gate("c1", 100));
  enforcer.publish_fails = true;
  send({{"p", policy_text("p")}});
  BOOST_REQUIRE(relay.applied.back().problems_size() == 1);
  BOOST_TEST(relay.applied.back().problems(0).find(
                 "payments/pod-c1/main keeps its older profile") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(events_of_workloads_are_told_and_others_are_not) {
  start();
  container("c1", 100, 50);
  BOOST_REQUIRE(gate("c1", 100));
  journal.tell(LogLevel::info, "mode", "of this guest alone");
  identity::Identity who;
  who.container_id = "c1";
  side->runs(*registry.by_container("c1"));
  journal.tell(LogLevel::info, "ended", "ended", &who);
  BOOST_REQUIRE(until([&] { return relay.reports.size() == 2; }));
  BOOST_REQUIRE(until([&] { return relay.told.size() == 2; }));
  BOOST_TEST(told("enrolled").at(0).container_id() == "c1");
  BOOST_TEST(told("ended").size() == 1U);
  BOOST_TEST(relay.reports[0].stage() == guest::v1::Report::STAGE_RUNNING);
  BOOST_TEST(relay.reports[1].stage() == guest::v1::Report::STAGE_ENDED);
  BOOST_TEST(relay.reports[1].container_id() == "c1");
}

BOOST_AUTO_TEST_CASE(more_events_than_may_be_told_are_held_back) {
  start();
  for (int i = 0; i < 500; ++i) {
    journal.tell(LogLevel::warning, "refused", "one of many");
  }
  journal.tell(LogLevel::info, "ended", "ended");  // its report is not held back
  BOOST_REQUIRE(until([&] { return !relay.reports.empty(); }));
  BOOST_TEST(relay.told.size() >= 50U);
  BOOST_TEST(relay.told.size() < 200U);
}

BOOST_AUTO_TEST_CASE(readiness_is_told_once_and_does_not_wait_for_ever) {
  std::vector<bool> ready;
  const auto note = [&](bool open) { ready.push_back(open); };
  relay.unlisten();
  side->when_open(std::chrono::milliseconds(30), note);
  side->start(*store);
  BOOST_REQUIRE(relayed->start());
  BOOST_REQUIRE(until([&] { return !ready.empty(); }));
  BOOST_TEST(!ready[0]);
  relay.listen();
  BOOST_REQUIRE(until([&] { return !relay.applied.empty(); }));
  BOOST_TEST(ready.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
