// Policies in parts, and the addresses of relays.
#include "session_fixture.hpp"

namespace usher::guest::test {

namespace {

v1::Policies frame(std::uint64_t generation, bool more) {
  v1::Policies out;
  out.set_generation(generation);
  out.set_more(more);
  return out;
}

v1::PolicyText& part(v1::Policies& out, const std::string& name, const std::string& text,
                     bool more) {
  auto& added = *out.add_policies();
  added.set_name(name);
  added.set_text(text);
  added.set_more(more);
  return added;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)

BOOST_FIXTURE_TEST_CASE(a_text_in_many_frames_comes_together, SessionFixture) {
  const std::string text(300'000, 'a');
  relay.policies = {{"empty", ""}, {"long", text}, {"short", "x"}};
  start();
  BOOST_REQUIRE(sets.size() == 1U);
  BOOST_TEST(sets[0].texts.size() == 3U);
  BOOST_TEST((sets[0].texts.at("long") == text));
  BOOST_TEST(sets[0].texts.at("empty").empty());
}

BOOST_FIXTURE_TEST_CASE(a_later_set_replaces_the_one_before, SessionFixture) {
  relay.policies = {{"one", "1"}};
  start();
  relay.policies = {{"two", "2"}};
  relay.generation = 2;
  relay.send_policies();
  BOOST_REQUIRE(until([&] { return relay.applied.size() == 2; }));
  BOOST_TEST(sets.at(1).texts.size() == 1U);
  BOOST_TEST(sets[1].texts.contains("two"));
  BOOST_TEST(relay.applied[1].generation() == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_host_that_has_none_yet_leaves_in_force_what_is, SessionFixture) {
  relay.policies = {{"one", "1"}};
  relay.generation = 5;
  start();
  relay.policies = {};
  relay.generation = 0;
  relay.drop();
  BOOST_REQUIRE(until([&] { return relay.hellos.size() == 2 && session->open(); }));
  BOOST_TEST(sets.size() == 1U);
  // What it lets start after that must come under a set that it sent after that.
  for (const std::uint64_t old : {0, 5}) {
    relay.verdict = [&](const v1::Claim& claim) {
      auto early = relay.go(claim);
      early.set_generation(old);
      return early;
    };
    BOOST_TEST(has(refusal(answer_to("c1")), "policies of generation"));
  }
}

BOOST_FIXTURE_TEST_CASE(too_much_is_told_and_the_session_goes_on, SessionFixture) {
  start();
  relay.policies = {{"huge", std::string(PolicyParts::kBytes, 'a')}};
  relay.generation = 2;
  relay.send_policies();
  BOOST_REQUIRE(until([&] { return relay.applied.size() == 2; }));
  BOOST_TEST(sets.size() == 1U);
  BOOST_TEST(has(relay.applied[1].problems(0), "more than 4096 policies or 16 MiB"));
  BOOST_TEST(relay.hellos.size() == 1U);
  BOOST_TEST(has(refusal(answer_to("c1")), "not all in force"));
  relay.policies = {};
  relay.generation = 3;
  relay.send_policies();
  BOOST_REQUIRE(until([&] { return relay.applied.size() == 3; }));
  BOOST_TEST(answer_to("c1").has_value());
}

BOOST_FIXTURE_TEST_CASE(problems_are_told_and_bounded, SessionFixture) {
  outcome.problems.assign(1000, std::string(10'000, 'p'));
  start();
  BOOST_TEST(relay.applied.at(0).problems_size() == 64);
  BOOST_TEST(relay.applied[0].problems(0).size() == 512U);
}

BOOST_AUTO_TEST_CASE(too_many_policies_are_too_much) {
  PolicyParts parts;
  auto all = frame(1, false);
  for (std::size_t i = 0; i <= PolicyParts::kPolicies; ++i) {
    part(all, "p" + std::to_string(i), "", false);
  }
  const auto set = parts.add(all);
  BOOST_REQUIRE((set && *set));
  BOOST_TEST(!(*set)->problem.empty());
  BOOST_TEST((*set)->texts.empty());
}

BOOST_AUTO_TEST_CASE(frames_that_make_no_sense_together_are_errors) {
  {
    PolicyParts parts;
    BOOST_REQUIRE(parts.add(frame(1, true)).has_value());
    BOOST_TEST(!parts.add(frame(2, false)).has_value());
  }
  {
    PolicyParts parts;
    auto all = frame(0, false);
    part(all, "one", "1", false);
    BOOST_TEST(!parts.add(all).has_value());
  }
  {
    PolicyParts parts;
    auto all = frame(1, false);
    part(all, "one", "1", true);
    BOOST_TEST(!parts.add(all).has_value());
  }
  {
    PolicyParts parts;
    auto all = frame(1, false);
    part(all, "one", "1", true);
    part(all, "two", "2", false);
    BOOST_TEST(!parts.add(all).has_value());
  }
  {
    PolicyParts parts;
    auto all = frame(1, false);
    part(all, "one", "1", false);
    part(all, "one", "1", false);
    BOOST_TEST(!parts.add(all).has_value());
  }
  for (const std::string& name : {std::string(), std::string(254, 'n')}) {
    PolicyParts parts;
    auto all = frame(1, false);
    part(all, name, "1", false);
    BOOST_TEST(!parts.add(all).has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_relays_address_is_a_vsock_port_or_a_path) {
  BOOST_TEST(parse_relay_address("vsock:4052").has_value());
  BOOST_TEST(parse_relay_address("unix:/run/relay").has_value());
  for (const std::string bad : {"", "vsock:", "vsock:0", "vsock:4294967295", "vsock:12x",
                                "vsock:-1", "unix:", "unix:relay", "tcp:1", "/run/relay"}) {
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(!parse_relay_address(bad).has_value());
    }
  }
  BOOST_TEST(!parse_relay_address("unix:/" + std::string(107, 'a')).has_value());
  BOOST_TEST(parse_relay_address("unix:/" + std::string(106, 'a')).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::guest::test
