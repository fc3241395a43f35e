// usher.guests/1 and usher.guest-relay/1 between the host and an adapter that relays.
#include <boost/test/unit_test.hpp>

#include "host_fixture.hpp"

using usher::fail;
using usher::test::HostFixture;
using usher::test::test_adapter;
using namespace usher::adapter;
using Kind = AdapterEvent::Kind;

namespace {

// Stands for the agent's table: grants c1 of s1, knows nothing else, and writes down what it hears.
class Desk : public GuestDesk {
 public:
  std::vector<std::string> heard;

  usher::Result<GuestGrant> claim(const std::string& adapter, const GuestClaim& claim) override {
    heard.push_back("claim " + adapter + " " + claim.sandbox_id + " " + claim.container_id + " " +
                    claim.backend);
    if (claim.container_id != "c1") {
      return fail("not known yet", EAGAIN);
    }
    GuestGrant grant;
    grant.identity.container_id = "c1";
    grant.runtime = "containerd";
    grant.policies =
        std::make_shared<const GuestPolicies>(GuestPolicies{9, {{"p1", "[policy]\n"}}});
    return grant;
  }
  void report(const std::string& sandbox, const std::string& container, GuestStage stage) override {
    heard.push_back("report " + sandbox + " " + container + " " +
                    std::to_string(static_cast<int>(stage)));
  }
  void session(const std::string&, const std::string& sandbox, GuestSession session) override {
    heard.push_back("session " + sandbox + " " + session.backend + " " + session.trouble + " " +
                    std::to_string(session.enforces) + " " + std::to_string(session.applied));
  }
  void no_session(const std::string& sandbox) override { heard.push_back("no session " + sandbox); }
  void told(const std::string& sandbox, std::string_view event) override {
    heard.push_back("told " + sandbox + " " + std::string(event));
  }
  void warn(const std::string&, int level, const std::string& sandbox, const std::string& container,
            const std::string& type, const std::string& message) override {
    heard.push_back("warn " + std::to_string(level) + " " + sandbox + " " + container + " " + type +
                    " " + message);
  }
};

struct RelayFixture : HostFixture {
  Desk desk;
  // The host goes first: it may call the desk.
  ~RelayFixture() {
    stop();
    host.reset();
  }
  usher::Result<> relay(bool misuse, bool with_desk = true) {
    HostOptions options;
    options.automatic = false;
    options.selected = {test_adapter("relaying")};
    options.config["relaying"]["misuse"] = misuse;
    make(std::move(options));
    if (with_desk) {
      host->serve_guests(desk);
    }
    return host->start();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(adapter_guests, RelayFixture)

BOOST_AUTO_TEST_CASE(a_guests_start_is_no_gate_and_its_place_is_not_read) {
  BOOST_TEST_REQUIRE(relay(false).has_value());
  run_until([&] { return events.size() == 2; });
  BOOST_TEST((events[0].kind == Kind::container_starting));
  BOOST_TEST(events[0].identity.guest);
  BOOST_TEST(events[0].cgroup_path == "");
  BOOST_TEST(events[0].pid == 0);
  BOOST_TEST(!events[0].done);
  BOOST_TEST(counter("gates") == 0U);
  BOOST_TEST(events[1].identity.host_root);
  BOOST_TEST(events[1].pid == 42);
}

BOOST_AUTO_TEST_CASE(flags_that_do_not_fit_their_event_are_refused) {
  BOOST_TEST_REQUIRE(relay(false).has_value());
  run_until([&] { return logged("a guest's and lives in the host's root"); });
  BOOST_TEST(events.size() == 2U);
  BOOST_TEST(counter("bad_values") == 2U);
  BOOST_TEST(logged("without a pid, or with a cgroup_path"));
  BOOST_TEST(logged("a guest's and lives in the host's root"));
}

BOOST_AUTO_TEST_CASE(what_a_relay_says_arrives) {
  BOOST_TEST_REQUIRE(relay(false).has_value());
  BOOST_TEST((desk.heard == std::vector<std::string>{
                                "session s1 lsm none 1 3", "report s1 c1 1", "told s1 an event",
                                "warn 3 s1 c1 guest-missing no hook", "no session s1"}));
}

BOOST_AUTO_TEST_CASE(a_relay_is_told_and_its_claims_are_answered) {
  BOOST_TEST_REQUIRE(relay(false).has_value());
  run_until([&] { return events.size() == 2; });
  auto who = events[0].identity;
  who.pod_labels["app"] = "joined";
  host->tell_container(Kind::container_starting, who);
  host->tell_policies("s1", {4, {{"a", "b"}, {"c", "d"}}});
  run_until([&] { return logged("policies s1 4 2"); });
  BOOST_TEST(logged("told 3 c1 guest joined"));
  BOOST_TEST(logged("granted c1 of containerd 9 p1=[policy]"));
  BOOST_TEST(logged("refused: not known yet " + std::to_string(EAGAIN)));
  BOOST_TEST(desk.heard.at(5) == "claim relaying s1 c1 none");
}

BOOST_AUTO_TEST_CASE(a_relay_that_has_stopped_is_told_nothing) {
  BOOST_TEST_REQUIRE(relay(false).has_value());
  run_until([&] { return events.size() == 2; });
  auto who = events[0].identity;
  stop();
  host->tell_container(Kind::container_starting, who);
  BOOST_TEST(!logged("told 3"));
}

BOOST_AUTO_TEST_CASE(an_agent_without_a_desk_does_not_offer_it) {
  const auto started = relay(false, false);
  BOOST_TEST_REQUIRE(!started.has_value());
  BOOST_TEST(started.error().message.find("usher.guests/1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(misuse_is_refused_counted_and_named) {
  BOOST_TEST_REQUIRE(relay(true).has_value());
  run_until([&] { return counter("wrong_threads") == 1U; });
  BOOST_TEST(desk.heard.empty());
  BOOST_TEST(counter("bad_values") == 7U);
  BOOST_TEST(counter("wild_lengths") == 2U);
  run_until([&] { return logged("another thread than the agent's loop"); });
  BOOST_TEST(logged("gave an empty sandbox_id"));
  BOOST_TEST(logged("bits that this agent does not know"));
  BOOST_TEST(!logged("that should not be taken"));
}

BOOST_AUTO_TEST_SUITE_END()
