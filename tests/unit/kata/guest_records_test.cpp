// A node without NRI: what a guest claims is asked for in the runtime's own records.
#include "kata/guest_records.hpp"

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <optional>

#include "cri/cri.pb.h"
#include "fake_server.hpp"
#include "relay_fixture.hpp"

namespace usher::kata::test {
namespace {

using usher::test::FakeServer;

struct Fixture : RelayFixture {
  std::string a = id('a');
  std::string socket = (scratch.path() / "cri.sock").string();
  FakeServer server{socket};
  std::optional<GuestRecords> records;
  int state = 0;  // of the container: created
  std::vector<std::string> containers{"app"};
  std::atomic<int> asked = 0;

  Fixture() {
    options.cri_socket = socket;
    bounds.verdict = std::chrono::milliseconds(3000);
    relay.emplace(host.host(), options, bounds);
    records.emplace(host.host(), host.loop(), options,
                    [this](const auto& sandbox) { relay->hurry(sandbox); });
    relay->ask_elsewhere([this](const auto& sandbox) { records->ask(sandbox); });
    relay->tell_gone([this](const auto& sandbox) { records->gone(sandbox); });
    // What is published to the agent makes it known there.
    host.on_published = [this](const GuestHost::Event& event) {
      if (event.kind == USHER_EVENT_CONTAINER_STARTING && event.identity.guest) {
        host.creating.insert(event.identity.sandbox_id + "/" + event.identity.container_id);
      }
    };
    server.handlers["PodSandboxStatus"] = [this](const std::string&) {
      cri::v1::PodSandboxStatusResponse response;
      auto& status = *response.mutable_status();
      status.set_id(a);
      status.mutable_metadata()->set_namespace_("payments");
      status.mutable_metadata()->set_name("api");
      status.mutable_metadata()->set_uid("uid-1");
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
    server.handlers["ListContainers"] = [this](const std::string&) {
      cri::v1::ListContainersResponse response;
      ++asked;
      for (const auto& name : containers) {
        auto& one = *response.add_containers();
        one.set_id(name);
        one.set_pod_sandbox_id(a);
        one.mutable_metadata()->set_name("main");
        one.set_state(state);
      }
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
    server.start();
    relay->start();
    listen_for(a);
  }
  ~Fixture() {
    relay->stop();
    bool stopped = false;
    records->stop([&] { stopped = true; });
    host.run_until([&] { return stopped; });
  }
};

BOOST_FIXTURE_TEST_SUITE(the_runtimes_records, Fixture)

BOOST_AUTO_TEST_CASE(make_a_container_known_that_a_guest_claims) {
  const auto verdict = ask(a, claim_of("app"));
  BOOST_TEST(verdict.word() == v1::Verdict::WORD_GO, verdict.message());
  BOOST_REQUIRE(host.published.size() >= 2U);
  BOOST_TEST(host.published[0].kind == USHER_EVENT_SANDBOX_STARTING);
  BOOST_TEST(host.published[0].identity.guest);
  const auto& told = host.published[1];
  BOOST_TEST(told.kind == USHER_EVENT_CONTAINER_STARTING);
  BOOST_TEST(told.identity.guest);
  BOOST_TEST(told.identity.pod_namespace == "payments");
  BOOST_TEST(told.identity.container_name == "main");
  fs::remove_all(base / a);
  until([&] { return host.published.back().kind == USHER_EVENT_SANDBOX_GONE; });
  BOOST_TEST(host.published.back().identity.sandbox_id == a);
}

BOOST_AUTO_TEST_CASE(do_not_make_one_known_that_was_started_before) {
  state = 1;
  relay.emplace(host.host(), options,
                Relay::Bounds{.verdict = std::chrono::milliseconds(300), .kernel = bounds.kernel});
  relay->ask_elsewhere([this](const auto& sandbox) { records->ask(sandbox); });
  relay->start();
  BOOST_TEST(ask(a, claim_of("app")).word() == v1::Verdict::WORD_REFUSE);
  BOOST_TEST(host.published.empty());
}

BOOST_AUTO_TEST_CASE(do_not_make_one_known_that_they_do_not_have) {
  relay.emplace(host.host(), options,
                Relay::Bounds{.verdict = std::chrono::milliseconds(300), .kernel = bounds.kernel});
  relay->ask_elsewhere([this](const auto& sandbox) { records->ask(sandbox); });
  relay->start();
  BOOST_TEST(ask(a, claim_of("another")).word() == v1::Verdict::WORD_REFUSE);
  BOOST_TEST(!host.creating.contains(a + "/another"));
}

// A pod whose container is started again and again.
BOOST_AUTO_TEST_CASE(say_of_what_was_claimed_before_that_it_is_gone) {
  BOOST_TEST(ask(a, claim_of("app", '1')).word() == v1::Verdict::WORD_GO);
  containers = {"next"};
  BOOST_TEST(ask(a, claim_of("next", '2')).word() == v1::Verdict::WORD_GO);
  const auto gone = std::ranges::find(host.published, USHER_EVENT_CONTAINER_GONE,
                                      [](const auto& event) { return event.kind; });
  BOOST_REQUIRE((gone != host.published.end()));
  BOOST_TEST(gone->identity.container_id == "app");
  BOOST_TEST(gone->identity.guest);
}

BOOST_AUTO_TEST_CASE(are_asked_for_seldom_however_much_a_guest_claims) {
  std::vector<Caller> callers;
  for (int i = 0; i < 10; ++i) {
    callers.push_back(call(a));
    callers.back().say(claim_of("made-up-" + std::to_string(i), static_cast<char>('a' + i)));
  }
  for (auto& caller : callers) {
    BOOST_TEST(next(caller).verdict().word() == v1::Verdict::WORD_REFUSE);
  }
  // One at a time, and 100 ms between two, in the three seconds of a claim.
  BOOST_TEST(asked > 1);
  BOOST_TEST(asked <= 31);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata::test
