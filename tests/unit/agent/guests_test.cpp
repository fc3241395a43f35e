// The table of guests' containers as runtimes' adapters fill it.
#include "guest_world.hpp"

#include "agent/explain.hpp"
#include "agent/render.hpp"

namespace usher::agent::test {

using State = GuestContainer::State;

BOOST_FIXTURE_TEST_SUITE(guests_table, GuestWorld)

BOOST_AUTO_TEST_CASE(a_start_is_no_gate_and_nothing_is_enrolled) {
  created("sandbox-1", "c1");
  BOOST_TEST(enforcer.slots.empty());
  BOOST_TEST(registry.size() == 0U);
  BOOST_TEST((known("sandbox-1", "c1").state == State::created));
}

BOOST_AUTO_TEST_CASE(relays_are_told_of_each_container_and_never_from_within_its_event) {
  auto pod = sandbox("sandbox-1", "payments", "pod-sandbox-1", {});
  pod.guest = true;
  feed.take({.kind = Kind::sandbox_starting,
             .adapter = "feeder",
             .runtime = "fake",
             .identity = pod,
             .cgroup_path = {},
             .pid = 0,
             .done = {}});
  feed.take({.kind = Kind::container_starting,
             .adapter = "feeder",
             .runtime = "fake",
             .identity = guest("sandbox-1", "c1"),
             .cgroup_path = {},
             .pid = 0,
             .done = {}});
  BOOST_TEST(host.told.empty());
  run_posted();
  BOOST_TEST((host.told == std::vector<std::string>{"1 sandbox-1", "3 c1"}));
  identity::Identity gone;
  gone.container_id = "c1";
  BOOST_TEST(publish(Kind::container_gone, gone).has_value());
  run_posted();
  BOOST_TEST(host.told.back() == "5 c1");
  BOOST_TEST(guests.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_container_without_its_sandboxs_id_or_in_two_sandboxes_is_an_error) {
  auto stray = guest("", "c1");
  BOOST_TEST(fails_with(publish(Kind::container_starting, stray), "without its sandbox's id"));
  created("sandbox-1", "c1");
  BOOST_TEST(fails_with(publish(Kind::container_starting, guest("sandbox-2", "c1")),
                        "told as one of sandbox sandbox-1"));
  auto other = guest("sandbox-1", "c1", "other");
  BOOST_TEST(fails_with(publish(Kind::container_starting, other), "two records"));
  BOOST_TEST((known("sandbox-1", "c1").identity.pod_namespace == "payments"));
}

BOOST_AUTO_TEST_CASE(a_gone_sandbox_takes_its_containers_along) {
  created("sandbox-1", "c1");
  BOOST_TEST(claim("sandbox-1", "sandbox-1").has_value());
  identity::Identity gone;
  gone.sandbox_id = "sandbox-1";
  BOOST_TEST(publish(Kind::sandbox_gone, gone).has_value());
  BOOST_TEST(guests.size() == 0U);
  BOOST_TEST(guests.sandboxes().empty());
  run_posted();
  BOOST_TEST(host.told.back() == "2 sandbox-1");
  BOOST_TEST(code_of(claim("sandbox-1", "c1")) == EAGAIN);
}

BOOST_AUTO_TEST_CASE(a_complete_list_forgets_what_it_does_not_name_of_its_runtime_alone) {
  created("sandbox-1", "c1");
  created("sandbox-2", "c2");
  BOOST_TEST(publish(Kind::container_starting, guest("sandbox-3", "c3"), 0, "", "feeder", "other")
                 .has_value());
  BOOST_TEST(publish(Kind::listing, {}).has_value());
  auto pod = sandbox("sandbox-1", "payments", "pod-sandbox-1", {});
  BOOST_TEST(publish(Kind::sandbox_starting, pod).has_value());
  BOOST_TEST(publish(Kind::container_running, guest("sandbox-1", "c1")).has_value());
  BOOST_TEST(publish(Kind::synced, {}).has_value());
  BOOST_TEST(guests.size() == 2U);
  BOOST_TEST((known("sandbox-1", "c1").state == State::running));
  BOOST_TEST(guests.sandboxes().contains("sandbox-3"));
}

BOOST_AUTO_TEST_CASE(a_sandbox_holds_a_bounded_number_of_containers) {
  for (int i = 0; i < 256; ++i) {
    BOOST_REQUIRE(
        publish(Kind::container_starting, guest("sandbox-1", "c" + std::to_string(i))).has_value());
  }
  BOOST_TEST(fails_with(publish(Kind::container_starting, guest("sandbox-1", "more")),
                        "all there is room for"));
  auto large = guest("sandbox-2", "large");
  large.image = std::string(100'000, 'i');
  BOOST_TEST(fails_with(publish(Kind::container_starting, large), "at most"));
}

BOOST_AUTO_TEST_CASE(sandboxes_that_a_relay_alone_has_named_make_room) {
  for (int i = 0; i < 5000; ++i) {
    const auto id = "sandbox-" + std::to_string(i);
    BOOST_REQUIRE(claim(id, id, "none", 0).has_value());
  }
  BOOST_TEST(guests.sandboxes().size() == 4096U);
  BOOST_TEST(guests.size() == 4096U);
}

BOOST_AUTO_TEST_CASE(one_that_runs_unclaimed_is_a_warning_but_not_under_a_session) {
  created("sandbox-1", "c1");
  BOOST_TEST(guests.warnings().empty());
  BOOST_TEST(publish(Kind::container_running, guest("sandbox-1", "c1")).has_value());
  BOOST_TEST_REQUIRE(guests.warnings().size() == 1U);
  BOOST_TEST(guests.warnings()[0].find("without a claim") != std::string::npos);
  guests.session("kata", "sandbox-1", session("lsm"));
  BOOST_TEST(guests.warnings().empty());
}

BOOST_AUTO_TEST_CASE(explain_answers_for_a_guest_by_its_name) {
  use({written("p1", "payments")});
  created("sandbox-1", "c1-0123456789");
  BOOST_TEST(claim("sandbox-1", "c1-0123456789").has_value());
  for (const char* word : {"c1-0123456789", "c1-0", "payments/pod-sandbox-1/main"}) {
    const auto place = guests.find(word);
    BOOST_TEST_REQUIRE(place.has_value());
    v1::ExplainRequest request;
    request.set_operation("exec");
    request.set_object("/bin/sh");
    const auto answer = explain(request, *place->sandbox, *place->container);
    BOOST_TEST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->verdict() == "deny");
    BOOST_TEST(answer->policy() == "p1");
    BOOST_TEST(answer->rule() == "no-shell");
    request.set_object("/bin/ls");
    BOOST_TEST(explain(request, *place->sandbox, *place->container)->verdict() == "allow");
  }
  BOOST_TEST(code_of(guests.find("payments/nobody")) == ENOENT);
}

BOOST_AUTO_TEST_CASE(who_would_release_one_is_told_what_to_do) {
  created("sandbox-1", "c1-0123456789");
  const auto why = guests.why_not_released("payments/pod-sandbox-1/main", {"unknown", ENOENT});
  BOOST_TEST(why.code == EOPNOTSUPP);
  BOOST_TEST(why.message.find("in its policies") != std::string::npos);
  BOOST_TEST(guests.why_not_released("payments/other", {"unknown", ENOENT}).message == "unknown");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
