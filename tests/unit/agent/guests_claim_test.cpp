// Which claims of guests are granted, and what is granted with them.
#include "agent/render.hpp"
#include "guest_world.hpp"

namespace usher::agent::test {

using State = GuestContainer::State;

BOOST_FIXTURE_TEST_SUITE(guests_claim, GuestWorld)

BOOST_AUTO_TEST_CASE(a_container_that_its_runtime_creates_in_that_sandbox_is_granted) {
  use({written("p1", "payments"), written("p2", "other")});
  created("sandbox-1", "c1", "payments", {{"app", "api"}});
  const auto granted = claim("sandbox-1", "c1");
  BOOST_TEST_REQUIRE(granted.has_value());
  BOOST_TEST(granted->runtime == "fake");
  BOOST_TEST(granted->identity.pod_name == "pod-sandbox-1");
  BOOST_TEST(granted->identity.container_name == "main");
  BOOST_TEST(granted->identity.pod_labels.at("app") == "api");  // joined with the sandbox's record
  BOOST_TEST_REQUIRE(granted->policies->items.size() == 1U);
  BOOST_TEST(granted->policies->items[0].name == "p1");
  BOOST_TEST(granted->policies->items[0].text == "text of p1");
  BOOST_TEST(granted->policies->generation == 1000U);
  BOOST_TEST((known("sandbox-1", "c1").state == State::approved));
}

BOOST_AUTO_TEST_CASE(a_container_that_nobody_told_of_may_be_asked_for_again) {
  const auto granted = claim("sandbox-1", "c1");
  BOOST_TEST(code_of(granted) == EAGAIN);
  BOOST_TEST(says(granted, "no runtime's adapter has told of container c1"));
}

BOOST_AUTO_TEST_CASE(a_claim_is_good_once) {
  created("sandbox-1", "c1");
  BOOST_TEST(claim("sandbox-1", "c1").has_value());
  const auto again = claim("sandbox-1", "c1");
  BOOST_TEST(says(again, "claimed already"));
  BOOST_TEST(code_of(again) != EAGAIN);
  // Not even where its runtime repeats itself.
  BOOST_TEST(publish(Kind::container_starting, guest("sandbox-1", "c1")).has_value());
  BOOST_TEST(says(claim("sandbox-1", "c1"), "claimed already"));
  BOOST_TEST(logged("refused as its guest claimed it"));
}

BOOST_AUTO_TEST_CASE(a_container_of_another_sandbox_is_refused_and_its_name_is_not_told) {
  created("sandbox-1", "c1");
  created("sandbox-2", "c2");
  const auto granted = claim("sandbox-2", "c1");
  BOOST_TEST(says(granted, "another sandbox"));
  BOOST_TEST(granted.error().message.find("sandbox-1") == std::string::npos);
  BOOST_TEST((known("sandbox-1", "c1").state == State::created));
  BOOST_TEST(claim("sandbox-1", "c1").has_value());  // it did not cost the owner its claim
}

BOOST_AUTO_TEST_CASE(a_container_that_runs_already_cannot_be_claimed) {
  created("sandbox-1", "c1");
  BOOST_TEST(publish(Kind::container_running, guest("sandbox-1", "c1")).has_value());
  BOOST_TEST(says(claim("sandbox-1", "c1"), "runs already"));
}

BOOST_AUTO_TEST_CASE(labels_that_are_not_known_decide_nothing) {
  use({deny_app("api")});
  BOOST_TEST(publish(Kind::container_starting, guest("sandbox-1", "c1")).has_value());
  BOOST_TEST(says(claim("sandbox-1", "c1"), "depends on the pod's labels"));
  BOOST_TEST((known("sandbox-1", "c1").state == State::created));
  created("sandbox-1", "c1", "payments", {{"app", "api"}});
  BOOST_TEST(claim("sandbox-1", "c1").has_value());
}

BOOST_AUTO_TEST_CASE(rules_need_an_agent_in_the_guest_unless_their_policy_degrades) {
  auto policy = written("p1", "payments");
  use({policy});
  created("sandbox-1", "c1");
  const auto refused = claim("sandbox-1", "c1", "none", 0);
  BOOST_TEST(says(refused, "no agent in its guest"));
  BOOST_TEST(says(refused, "policy p1"));
  policy = std::make_shared<policy::Policy>(*policy);
  policy->degrade = true;
  use({policy});
  guests.reapply();
  BOOST_TEST(claim("sandbox-1", "c1", "none", 0).has_value());
  const auto& container = known("sandbox-1", "c1");
  BOOST_TEST(container.degraded == std::vector<std::string>{"p1"});
  const auto shown = render(guests.sandboxes().at("sandbox-1"), container, guests.whole(container));
  BOOST_TEST(shown.guest());
  BOOST_TEST(shown.state() == "approved");
  BOOST_TEST(shown.slot() == 0U);
  BOOST_TEST(shown.enforced_size() == 0);
  BOOST_TEST_REQUIRE(shown.unenforced_size() == 1);
  BOOST_TEST(shown.unenforced(0) == "p1");
}

BOOST_AUTO_TEST_CASE(a_guest_that_cannot_judge_files_is_refused_with_the_policys_name) {
  auto policy = written("files", "payments");
  policy->rules[0].on = policy::Operation::read;
  use({policy, written("programs", "payments")});
  created("sandbox-1", "c1");
  const auto exec_alone = USHER_GUEST_ENFORCES_EXEC | USHER_GUEST_ENFORCES_SOCKETS;
  const auto refused = claim("sandbox-1", "c1", "tracepoint", exec_alone);
  BOOST_TEST(says(refused, "policy files"));
  BOOST_TEST(says(refused, "guest's tracepoint backend"));
  policy = std::make_shared<policy::Policy>(*policy);
  policy->degrade = true;
  use({policy, written("programs", "payments")});
  guests.reapply();
  BOOST_TEST(claim("sandbox-1", "c1", "tracepoint", exec_alone).has_value());
  const auto shown = render(guests.sandboxes().at("sandbox-1"), known("sandbox-1", "c1"),
                            guests.whole("sandbox-1"));
  BOOST_TEST_REQUIRE(shown.audited_size() == 1);
  BOOST_TEST(shown.audited(0) == "files");
  BOOST_TEST_REQUIRE(shown.enforced_size() == 1);
  BOOST_TEST(shown.enforced(0) == "programs");
}

BOOST_AUTO_TEST_CASE(a_sandboxs_own_container_needs_no_telling_and_is_granted_once) {
  use({written("p1", "payments")});
  created("sandbox-1", "c1");
  const auto granted = claim("sandbox-1", "sandbox-1", "none", 0);
  BOOST_TEST_REQUIRE(granted.has_value());
  BOOST_TEST(granted->identity.is_sandbox);
  BOOST_TEST(granted->identity.pod_namespace == "payments");
  BOOST_TEST(granted->policies->items.empty());  // policies take no sandboxes unless they say so
  BOOST_TEST(says(claim("sandbox-1", "sandbox-1"), "claimed already"));
}

BOOST_AUTO_TEST_CASE(
    of_a_sandbox_that_is_told_after_its_own_container_has_run_the_policies_come_then) {
  auto policy = written("p1", "payments");
  policy->select.sandboxes = true;
  use({policy});
  for (const std::string id : {"sandbox-8", "sandbox-9"}) {
    const bool has_agent = id == "sandbox-8";
    const auto granted = claim(id, id, has_agent ? "lsm" : "none", has_agent ? kAll : 0);
    BOOST_TEST_REQUIRE(granted.has_value());
    BOOST_TEST(granted->policies->items.empty());
    run_posted();
    host.told.clear();
    auto pod = sandbox(id, "payments", "late", {});
    pod.guest = true;
    BOOST_TEST(publish(Kind::sandbox_starting, pod).has_value());
    run_posted();
  }
  BOOST_TEST(known("sandbox-8", "sandbox-8").problem == "");
  BOOST_TEST(known("sandbox-8", "sandbox-8").rules.policies.size() == 1U);
  BOOST_TEST(guests.sandboxes().at("sandbox-8").policies->items.size() == 1U);
  // One that its guest cannot carry out is told, and refuses what comes after it.
  BOOST_TEST(known("sandbox-9", "sandbox-9").problem.find("p1") != std::string::npos);
  BOOST_TEST(!guests.warnings().empty());
}

BOOST_AUTO_TEST_CASE(policies_of_a_sandbox_are_those_of_all_its_claimed_containers) {
  auto of_side = written("of-side", "payments");
  of_side->select.containers = {"side"};
  use({of_side, written("p1", "payments")});
  created("sandbox-1", "c1");
  auto side = guest("sandbox-1", "c2");
  side.container_name = "side";
  BOOST_TEST(publish(Kind::container_starting, side).has_value());
  BOOST_TEST(claim("sandbox-1", "c1")->policies->items.size() == 1U);
  const auto both = claim("sandbox-1", "c2");
  BOOST_TEST_REQUIRE(both.has_value());
  BOOST_TEST_REQUIRE(both->policies->items.size() == 2U);
  BOOST_TEST(both->policies->items[0].name == "of-side");
  BOOST_TEST(both->policies->generation == 1001U);
}

BOOST_AUTO_TEST_CASE(changed_policies_reach_the_relay_once_and_the_same_do_not) {
  use({written("p1", "payments")});
  created("sandbox-1", "c1");
  BOOST_TEST(claim("sandbox-1", "c1").has_value());
  run_posted();
  host.told.clear();
  guests.reapply();
  run_posted();
  BOOST_TEST(host.told.empty());
  auto changed = written("p1", "payments");
  changed->source = "another text";
  use({changed});
  guests.reapply();
  run_posted();
  BOOST_TEST(host.told == std::vector<std::string>{"policies sandbox-1 1001: p1"});
  BOOST_TEST(host.last_policies.items.at(0).text == "another text");
}

BOOST_AUTO_TEST_CASE(what_a_running_guest_cannot_carry_out_leaves_it_with_the_older_policies) {
  auto audited = written("p1", "payments");
  audited->rules.clear();
  use({audited});
  created("sandbox-1", "c1");
  BOOST_TEST(claim("sandbox-1", "c1", "none", 0).has_value());
  run_posted();
  host.told.clear();
  use({written("p1", "payments")});
  const auto done = guests.reapply();
  BOOST_TEST(done.kept == 1U);
  run_posted();
  BOOST_TEST(host.told.empty());
  const auto& container = known("sandbox-1", "c1");
  BOOST_TEST(container.problem.find("policy p1") != std::string::npos);
  BOOST_TEST((container.rules.policies.at(0) == audited));
  BOOST_TEST_REQUIRE(guests.warnings().size() == 1U);
  BOOST_TEST(guests.warnings()[0].find("keeps older policies") != std::string::npos);
  use({audited});
  BOOST_TEST(guests.reapply().kept == 0U);
  BOOST_TEST(guests.warnings().empty());
}

BOOST_AUTO_TEST_CASE(too_many_policies_are_refused_and_the_claim_is_not_spent) {
  auto large = written("p1", "payments");
  large->source = std::string(9U << 20, 'x');
  use({large});
  created("sandbox-1", "c1");
  BOOST_TEST(says(claim("sandbox-1", "c1"), "a guest is sent at most"));
  use({written("p1", "payments")});
  guests.reapply();
  BOOST_TEST(claim("sandbox-1", "c1").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
