// A claim and its verdict.
#include "guest/guest_host.hpp"
#include "session_fixture.hpp"

namespace usher::guest::test {

BOOST_FIXTURE_TEST_SUITE(claims, SessionFixture)

BOOST_AUTO_TEST_CASE(the_answer_says_whom_the_host_knows_it_to_be) {
  start();
  relay.verdict = [&](const v1::Claim& claim) {
    auto go = relay.go(claim);
    (*go.mutable_identity()->mutable_pod_labels())["app"] = "api";
    go.mutable_identity()->set_pod_uid("u-1");
    return go;
  };
  const auto answer = answer_to("c1");
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->runtime == "containerd");
  BOOST_TEST(answer->who.container_id == "c1");
  BOOST_TEST(answer->who.pod_namespace == "payments");
  BOOST_TEST(answer->who.pod_uid == "u-1");
  BOOST_TEST(answer->who.pod_labels.at("app") == "api");
  BOOST_TEST(answer->who.labels_known);
  BOOST_TEST(answer->who.identity_source == "containerd NRI");
  BOOST_TEST(relay.claims.at(0).nonce().size() == 16U);
  BOOST_REQUIRE(answer_to("c2").has_value());
  BOOST_TEST(relay.claims[0].nonce() != relay.claims[1].nonce());
  BOOST_TEST(relay.claims[0].ticket() != relay.claims[1].ticket());
}

BOOST_AUTO_TEST_CASE(a_refusal_carries_the_hosts_reason_escaped) {
  start();
  relay.verdict = [&](const v1::Claim& claim) {
    auto no = relay.go(claim);
    no.set_word(v1::Verdict::WORD_REFUSE);
    no.set_message("not known\n");
    return no;
  };
  BOOST_TEST(has(refusal(answer_to("c1")), "the host refuses it: not known\\x0a"));
}

BOOST_AUTO_TEST_CASE(a_word_that_is_not_known_is_a_no) {
  start();
  for (const int word : {0, 7}) {
    relay.verdict = [&](const v1::Claim& claim) {
      auto odd = relay.go(claim);
      odd.set_word(static_cast<v1::Verdict::Word>(word));
      return odd;
    };
    BOOST_TEST(has(refusal(answer_to("c1")), "the host refuses it"));
  }
}

BOOST_AUTO_TEST_CASE(a_go_that_comes_too_late_is_taken_back) {
  start();
  relay.verdict = [](const v1::Claim&) { return std::nullopt; };
  BOOST_TEST(has(refusal(answer_to("c1", std::chrono::milliseconds(20))), "gave no verdict"));
  BOOST_REQUIRE(relay.claims.size() == 1U);
  v1::FromHost late;
  *late.mutable_verdict() = relay.go(relay.claims[0]);
  late.mutable_verdict()->set_word(v1::Verdict::WORD_REFUSE);
  relay.send(late);
  late.mutable_verdict()->set_word(v1::Verdict::WORD_GO);
  relay.send(late);
  BOOST_REQUIRE(until([&] { return !relay.reports.empty(); }));
  BOOST_TEST(relay.reports.size() == 1U);
  BOOST_TEST(relay.reports[0].container_id() == "c1");
  BOOST_TEST(relay.reports[0].stage() == v1::Report::STAGE_ENDED);
}

BOOST_AUTO_TEST_CASE(a_verdict_for_another_claim_is_none) {
  start();
  const std::vector<std::function<void(v1::Verdict&)>> forgeries{
      [](v1::Verdict& v) { v.set_nonce(std::string(16, 'n')); },
      [](v1::Verdict& v) { v.set_nonce(""); },
      [](v1::Verdict& v) { v.set_container_id("c2"); },
  };
  for (const auto& forge : forgeries) {
    relay.verdict = [&](const v1::Claim& claim) {
      auto forged = relay.go(claim);
      forge(forged);
      return forged;
    };
    BOOST_TEST(has(refusal(answer_to("c1")), "is for another claim"));
  }
  relay.verdict = [&](const v1::Claim& claim) {
    auto stray = relay.go(claim);
    stray.set_ticket(claim.ticket() + 1);
    return stray;
  };
  BOOST_TEST(has(refusal(answer_to("c1", std::chrono::milliseconds(50))), "gave no verdict"));
}

BOOST_AUTO_TEST_CASE(a_go_must_say_who_it_is) {
  start();
  relay.verdict = [&](const v1::Claim& claim) {
    auto nobody = relay.go(claim);
    nobody.clear_identity();
    return nobody;
  };
  BOOST_TEST(has(refusal(answer_to("c1")), "does not say who it is"));
  relay.verdict = [&](const v1::Claim& claim) {
    auto other = relay.go(claim);
    other.mutable_identity()->set_container_id("c2");
    return other;
  };
  BOOST_TEST(has(refusal(answer_to("c1")), "does not say who it is"));
}

BOOST_AUTO_TEST_CASE(a_go_under_policies_that_did_not_come_is_refused) {
  start();
  relay.verdict = [&](const v1::Claim& claim) {
    auto early = relay.go(claim);
    early.set_generation(relay.generation + 1);
    return early;
  };
  BOOST_TEST(has(refusal(answer_to("c1")), "policies of generation 2"));
}

BOOST_AUTO_TEST_CASE(a_go_under_policies_that_are_not_all_in_force_is_refused) {
  outcome = {{"one.toml: broken"}, "one.toml: broken"};
  start();
  BOOST_TEST(
      has(refusal(answer_to("c1")), "not all in force in this guest: one.toml: broken; until"));
  outcome = {};
  ++relay.generation;
  relay.send_policies();
  BOOST_REQUIRE(until([&] { return relay.applied.size() == 2; }));
  BOOST_TEST(answer_to("c1").has_value());
}

BOOST_AUTO_TEST_CASE(without_a_session_it_is_refused_in_time_with_what_to_do) {
  relay.unlisten();
  session->start();
  const auto why = refusal(answer_to("c1", std::chrono::milliseconds(60)));
  BOOST_TEST(has(why, "there is no session with the host's relay"));
  BOOST_TEST(has(why, "see that usherd runs on the host"));
}

BOOST_AUTO_TEST_CASE(it_waits_for_a_session_that_is_opened_within_its_deadline) {
  relay.unlisten();
  session->start();
  const auto answer = claim("c1");
  BOOST_REQUIRE(until([&] { return !said.empty(); }));
  BOOST_TEST(!answer->has_value());
  relay.listen();
  BOOST_REQUIRE(until([&] { return answer->has_value(); }));
  BOOST_TEST((*answer)->has_value());
}

BOOST_AUTO_TEST_CASE(it_is_asked_again_under_a_new_nonce_when_the_session_breaks_off) {
  start();
  relay.verdict = [&](const v1::Claim& claim) -> std::optional<v1::Verdict> {
    if (relay.claims.size() == 1) {
      relay.drop();
      return std::nullopt;
    }
    return relay.go(claim);
  };
  BOOST_TEST(answer_to("c1").has_value());
  BOOST_REQUIRE(relay.claims.size() == 2U);
  BOOST_TEST(relay.claims[0].nonce() != relay.claims[1].nonce());
}

BOOST_AUTO_TEST_CASE(a_stop_refuses_what_waits) {
  start();
  relay.verdict = [](const v1::Claim&) { return std::nullopt; };
  const auto answer = claim("c1");
  BOOST_REQUIRE(until([&] { return relay.claims.size() == 1; }));
  session->stop();
  BOOST_REQUIRE(until([&] { return answer->has_value(); }));
  BOOST_TEST(has(refusal(**answer), "is stopping"));
}

BOOST_AUTO_TEST_CASE(many_wait_and_no_more_than_that) {
  start();
  relay.verdict = [](const v1::Claim&) { return std::nullopt; };
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < Claims::kMost; ++i) {
    answers.push_back(claim("c" + std::to_string(i)));
  }
  BOOST_REQUIRE(until([&] { return relay.claims.size() == Claims::kMost; }));
  BOOST_TEST(has(refusal(answer_to("one-more")), "wait for the host's verdict already"));
}

BOOST_AUTO_TEST_CASE(the_host_of_adapters_serves_kata_alone_and_tells_the_runtime) {
  GuestHost host(session);
  BOOST_REQUIRE(host.start().has_value());
  BOOST_TEST(host.adapters().at(0).health == "unhealthy");
  BOOST_REQUIRE(until([&] { return session->open(); }));
  BOOST_TEST(host.adapters().at(0).health == "healthy");
  identity::OciState state;
  state.id = "c1";
  const auto ask = [&](const std::string& runtime) {
    std::optional<Result<identity::Identity>> answer;
    asio::co_spawn(loop, host.identify(runtime, state, "", std::chrono::milliseconds(5000)),
                   [&](std::exception_ptr, Result<identity::Identity> got) { answer = got; });
    BOOST_REQUIRE(until([&] { return answer.has_value(); }));
    return *answer;
  };
  BOOST_TEST(has(ask("podman").error().message, "hooks name the runtime \"kata\""));
  const auto who = ask("kata");
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(who->pod_name == "api");
  BOOST_TEST(host.runtime_of(*who, "kata") == "containerd");
  BOOST_TEST(host.runtime_of(*who, "kata") == "kata");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::guest::test
