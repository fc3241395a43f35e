// What guests say of themselves: shown, bounded, believed for nothing.
#include "agent/guest_event.hpp"
#include "agent/render.hpp"
#include "guest_world.hpp"

namespace usher::agent::test {

using State = GuestContainer::State;

namespace {

v1::Event verdict_of(const std::string& container_id) {
  v1::Event event;
  event.set_type("verdict");
  event.set_severity("warning");
  event.set_pod_namespace("kube-system");  // names of the guest's own making
  event.set_pod_name("somebody-else");
  event.set_container_id(container_id);
  event.set_policy("p1");
  event.set_rule("no-shell");
  event.set_operation("exec");
  event.set_verdict("deny");
  event.set_path("/bin/sh");
  event.set_time_ns(5);
  event.set_message("deny: exec /bin/sh");
  return event;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(guests_said, GuestWorld)

BOOST_AUTO_TEST_CASE(an_event_is_shown_with_the_hosts_names_as_the_guests_word) {
  created("sandbox-1", "c1");
  guests.told("sandbox-1", verdict_of("c1").SerializeAsString());
  const auto event = last_event();
  BOOST_TEST(event.type() == "verdict");
  BOOST_TEST(event.pod_namespace() == "payments");
  BOOST_TEST(event.pod_name() == "pod-sandbox-1");
  BOOST_TEST(event.container_name() == "main");
  BOOST_TEST(event.path() == "/bin/sh");
  BOOST_TEST(event.rule() == "no-shell");
  BOOST_TEST(event.time_ns() != 5);
  BOOST_TEST_REQUIRE(event.flags_size() == 1);
  BOOST_TEST(event.flags(0) == "guest-word");
}

BOOST_AUTO_TEST_CASE(an_event_of_somebody_elses_container_is_shown_as_of_the_sandbox) {
  created("sandbox-1", "c1");
  created("sandbox-2", "c2", "other");
  guests.told("sandbox-2", verdict_of("c1").SerializeAsString());
  const auto event = last_event();
  BOOST_TEST(event.container_id() == "sandbox-2");
  BOOST_TEST(event.pod_namespace() == "other");
  BOOST_TEST(event.container_name() == "");
}

BOOST_AUTO_TEST_CASE(what_is_no_event_of_a_workload_is_not_shown) {
  auto event = verdict_of("c1");
  BOOST_TEST(read_guest_event(event.SerializeAsString()).has_value());
  const auto refused = [](v1::Event wrong) {
    return !read_guest_event(wrong.SerializeAsString()).has_value();
  };
  event.set_type("mode");
  BOOST_TEST(refused(event));
  event = verdict_of("c1");
  event.set_severity("fatal");
  BOOST_TEST(refused(event));
  event = verdict_of("c1");
  event.set_verdict("DENY");
  BOOST_TEST(refused(event));
  event = verdict_of("c1");
  event.set_operation("exec\n");
  BOOST_TEST(refused(event));
  event = verdict_of("c1");
  event.set_address("not an address");
  BOOST_TEST(refused(event));
  event = verdict_of(std::string(300, 'c'));
  BOOST_TEST(refused(event));
  BOOST_TEST(!read_guest_event("\xff\xff").has_value());
  BOOST_TEST(!read_guest_event(std::string(61U << 10, '\0')).has_value());
  created("sandbox-1", "c1");
  guests.told("sandbox-1", "\xff\xff");
  BOOST_TEST(logged("cannot be shown"));
}

BOOST_AUTO_TEST_CASE(long_parts_are_cut_and_odd_flags_left_out) {
  auto event = verdict_of("c1");
  event.set_message(std::string(50'000, 'm'));
  event.set_program(std::string(1000, 'p'));
  for (int i = 0; i < 500; ++i) {
    event.add_arguments("x");
    event.add_flags("flag-" + std::to_string(i));
  }
  event.mutable_flags()->at(0) = "two words";
  event.mutable_flags()->at(1) = "guest-word";
  const auto read = read_guest_event(event.SerializeAsString());
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST(read->message().size() < 5000U);
  BOOST_TEST(read->program().size() < 100U);
  BOOST_TEST(read->arguments_size() == 64);
  BOOST_TEST(read->flags_size() == 15);
  BOOST_TEST(read->flags(0) == "guest-word");
  BOOST_TEST(read->flags(1) == "flag-2");
}

BOOST_AUTO_TEST_CASE(a_guest_that_says_much_is_held_back_and_others_are_not) {
  created("sandbox-1", "c1");
  created("sandbox-2", "c2", "other");
  const auto bytes = verdict_of("c1").SerializeAsString();
  for (int i = 0; i < 1000; ++i) {
    guests.told("sandbox-1", bytes);
  }
  guests.told("sandbox-2", verdict_of("c2").SerializeAsString());
  BOOST_TEST(last_event().pod_namespace() == "other");
  clock += std::chrono::seconds(61);
  guests.told("sandbox-1", bytes);
  const auto event = last_event();
  BOOST_TEST(event.pod_namespace() == "payments");
  BOOST_TEST_REQUIRE(event.flags_size() == 2);
  BOOST_TEST(event.flags(1) == "guest-held-back-880");
}

BOOST_AUTO_TEST_CASE(reports_are_hints_about_a_claimed_container_of_that_sandbox) {
  created("sandbox-1", "c1");
  created("sandbox-2", "c2");
  guests.report("sandbox-1", "c1", adapter::GuestStage::running);
  BOOST_TEST((known("sandbox-1", "c1").state == State::created));
  BOOST_TEST(claim("sandbox-1", "c1").has_value());
  guests.report("sandbox-2", "c1", adapter::GuestStage::running);
  BOOST_TEST((known("sandbox-1", "c1").state == State::approved));
  guests.report("sandbox-1", "c1", adapter::GuestStage::running);
  BOOST_TEST((known("sandbox-1", "c1").state == State::running));
  guests.report("sandbox-1", "c1", adapter::GuestStage::ended);
  BOOST_TEST((known("sandbox-1", "c1").state == State::ended));
  BOOST_TEST(says(claim("sandbox-1", "c1"), "has ended"));
}

BOOST_AUTO_TEST_CASE(a_session_is_shown_and_gets_the_policies_at_once) {
  use({written("p1", "payments")});
  created("sandbox-1", "c1");
  // Found running: as after a restart of this agent.
  BOOST_TEST(publish(Kind::container_running, guest("sandbox-1", "c1")).has_value());
  run_posted();
  host.told.clear();
  guests.session("kata", "sandbox-1", session("lsm", 7));
  run_posted();
  BOOST_TEST_REQUIRE(host.told.size() == 1U);
  BOOST_TEST(host.told[0].ends_with(": p1"));
  auto shown = render(guests.sandboxes().at("sandbox-1"), guests.whole("sandbox-1"));
  BOOST_TEST(shown.session() == "connected");
  BOOST_TEST(shown.backend() == "lsm");
  BOOST_TEST(shown.pod_name() == "pod-sandbox-1");
  BOOST_TEST(shown.applied() == 7U);
  BOOST_TEST(shown.generation() >= 1000U);
  // The same again is no news: a guest that cannot follow is not sent the same for ever.
  guests.session("kata", "sandbox-1", session("lsm", 7, "", "policy p1: no"));
  run_posted();
  BOOST_TEST(host.told.size() == 1U);
  BOOST_TEST(logged("policy p1: no"));
  auto away = session("lsm", 7, "it is not connected");
  away.away = true;
  guests.session("kata", "sandbox-1", away);
  shown = render(guests.sandboxes().at("sandbox-1"), guests.whole("sandbox-1"));
  BOOST_TEST(shown.session() == "lost");
  guests.session("kata", "sandbox-1", session("lsm", 7));
  shown = render(guests.sandboxes().at("sandbox-1"), guests.whole("sandbox-1"));
  BOOST_TEST(shown.session() == "connected");
  guests.no_session("sandbox-1");
  shown = render(guests.sandboxes().at("sandbox-1"), guests.whole("sandbox-1"));
  BOOST_TEST(shown.session() == "lost");
}

// As after a restart of this agent: what is in force in the guest must not be taken away.
BOOST_AUTO_TEST_CASE(a_session_before_its_runtimes_list_is_sent_policies_when_that_is_complete) {
  auto second = written("second", "payments");
  second->select.containers = {"second"};
  use({written("p1", "payments"), second});
  guests.session("kata", "sandbox-1", session("lsm", 7));
  run_posted();
  BOOST_TEST(host.told.empty());
  BOOST_TEST(publish(Kind::listing, {}).has_value());
  auto pod = sandbox("sandbox-1", "payments", "pod-sandbox-1", {});
  pod.guest = true;
  BOOST_TEST(publish(Kind::sandbox_starting, pod).has_value());
  BOOST_TEST(publish(Kind::container_running, guest("sandbox-1", "c1")).has_value());
  BOOST_TEST(publish(Kind::container_starting, guest("sandbox-1", "c3")).has_value());
  BOOST_TEST(code_of(claim("sandbox-1", "c3")) == EAGAIN);
  auto other = guest("sandbox-1", "c2");
  other.container_name = "second";
  BOOST_TEST(publish(Kind::container_running, other).has_value());
  run_posted();
  const auto of_policies = [](const std::string& told) { return told.starts_with("policies"); };
  BOOST_TEST(std::ranges::count_if(host.told, of_policies) == 0);
  BOOST_TEST(publish(Kind::synced, {}).has_value());
  run_posted();
  BOOST_TEST(std::ranges::count_if(host.told, of_policies) == 1);
  BOOST_TEST(host.told.back().ends_with(": p1 second"));
  BOOST_TEST(claim("sandbox-1", "c3").has_value());
}

// The agent on the host was started anew, and a guest's agent has not come back yet: the relay
// knows of its session and not what its kernel can do.
BOOST_AUTO_TEST_CASE(a_guest_whose_agent_is_away_is_sent_nothing_that_lacks_what_it_enforces) {
  use({written("p1", "payments")});
  guests.session("kata", "sandbox-1", session("none", 0, "has not come back yet"));
  BOOST_TEST(publish(Kind::listing, {}).has_value());
  auto pod = sandbox("sandbox-1", "payments", "pod-sandbox-1", {});
  pod.guest = true;
  BOOST_TEST(publish(Kind::sandbox_starting, pod).has_value());
  BOOST_TEST(publish(Kind::container_running, guest("sandbox-1", "c1")).has_value());
  BOOST_TEST(publish(Kind::synced, {}).has_value());
  run_posted();
  const auto of_policies = [](const std::string& told) { return told.starts_with("policies"); };
  BOOST_TEST(std::ranges::count_if(host.told, of_policies) == 0);
  guests.session("kata", "sandbox-1", session("lsm"));
  run_posted();
  BOOST_TEST(std::ranges::count_if(host.told, of_policies) == 1);
  BOOST_TEST(host.told.back().ends_with(": p1"));
}

BOOST_AUTO_TEST_CASE(a_session_of_a_sandbox_that_nobody_told_of_goes_with_it) {
  guests.session("kata", "sandbox-1", session("none", 0, "no BTF"));
  BOOST_TEST(guests.sandboxes().contains("sandbox-1"));
  guests.no_session("sandbox-1");
  BOOST_TEST(guests.sandboxes().empty());
}

BOOST_AUTO_TEST_CASE(a_relays_warning_is_an_event_with_the_hosts_names_and_bounded) {
  created("sandbox-1", "c1");
  guests.warn("kata", USHER_LOG_WARNING, "sandbox-1", "c1", "guest-missing", "no hook asked");
  auto event = last_event();
  BOOST_TEST(event.type() == "guest-missing");
  BOOST_TEST(event.severity() == "warning");
  BOOST_TEST(event.container_name() == "main");
  guests.warn("kata", USHER_LOG_ERROR, "sandbox-1", "unknown", "guest-second-session", "refused");
  event = last_event();
  BOOST_TEST(event.severity() == "error");
  BOOST_TEST(event.pod_name() == "pod-sandbox-1");
  BOOST_TEST(event.message() == "refused (container unknown)");
  for (int i = 0; i < 1000; ++i) {
    guests.warn("kata", USHER_LOG_ERROR, "sandbox-1", "", "flood", "again");
  }
  clock += std::chrono::seconds(61);
  guests.warn("kata", USHER_LOG_ERROR, "sandbox-1", "", "flood", "quiet");
  BOOST_TEST(last_event().message() == "quiet (adapter kata: 994 more of these were not told)");
}

BOOST_AUTO_TEST_CASE(noise_about_one_guest_silences_neither_another_nor_other_news_of_it) {
  created("sandbox-1", "c1");
  created("sandbox-2", "c2", "other");
  for (int i = 0; i < 100; ++i) {
    for (int kind = 0; kind < 100; ++kind) {
      guests.warn("kata", USHER_LOG_WARNING, "sandbox-1", "", "noise-" + std::to_string(kind), "!");
    }
    BOOST_TEST(!claim("sandbox-1", "sandbox-2").has_value());
  }
  guests.warn("kata", USHER_LOG_WARNING, "sandbox-2", "c2", "guest-missing", "no hook asked");
  BOOST_TEST(last_event().type() == "guest-missing");
  BOOST_TEST(claim("sandbox-2", "c2").has_value());
  BOOST_TEST(!claim("sandbox-2", "c2").has_value());
  BOOST_TEST(last_event().type() == "refused");
  BOOST_TEST(last_event().pod_namespace() == "other");
}

BOOST_AUTO_TEST_CASE(a_session_that_has_a_new_problem_all_the_time_is_not_told_all_the_time) {
  created("sandbox-1", "c1");
  for (int i = 0; i < 1000; ++i) {
    guests.session("kata", "sandbox-1", session("lsm", 7, "", "problem " + std::to_string(i)));
  }
  BOOST_TEST(logged("problem 4"));
  BOOST_TEST(!logged("problem 40"));
  BOOST_TEST(guests.sandboxes().at("sandbox-1").session->problem == "problem 999");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
