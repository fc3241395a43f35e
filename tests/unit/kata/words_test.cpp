#include "kata/words.hpp"

#include <boost/test/unit_test.hpp>

#include "kata/frames.hpp"
#include "relay_fixture.hpp"

namespace usher::kata {
namespace {

using test::claim_of;
using test::hello_with;

// Why it is not taken; empty: it is.
std::string refusal(const v1::FromGuest& message) {
  const auto read = read_from_guest(message.SerializeAsString());
  if (read) {
    return "";
  }
  BOOST_TEST(read.error().code == EPROTO);
  return read.error().message;
}

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

BOOST_AUTO_TEST_SUITE(words)

BOOST_AUTO_TEST_CASE(what_a_guest_may_say_is_taken) {
  BOOST_TEST(refusal(claim_of("c")) == "");
  BOOST_TEST(refusal(claim_of(std::string(kMaxContainerId, 'c'))) == "");
  BOOST_TEST(refusal(hello_with()) == "");
  BOOST_TEST(refusal(hello_with(std::string(kTokenSize, 't'))) == "");
}

BOOST_AUTO_TEST_CASE(members_out_of_their_bounds_are_refused) {
  auto claim = claim_of("");
  BOOST_TEST(mentions(refusal(claim), "container id"));
  BOOST_TEST(mentions(refusal(claim_of(std::string(256, 'c'))), "container id"));
  claim = claim_of("c");
  claim.mutable_claim()->set_nonce("short");
  BOOST_TEST(mentions(refusal(claim), "nonce"));
  BOOST_TEST(mentions(refusal(hello_with("token")), "token"));
  auto hello = hello_with();
  hello.mutable_hello()->set_backend("magic");
  BOOST_TEST(mentions(refusal(hello), "backend"));
  v1::FromGuest other;
  other.mutable_report()->set_container_id("c");
  BOOST_TEST(mentions(refusal(other), "stage"));
  other.mutable_told()->set_event(std::string(kMaxEvent + 1, 'e'));
  BOOST_TEST(mentions(refusal(other), "event"));
  other.mutable_told()->set_event("");
  BOOST_TEST(mentions(refusal(other), "event"));
}

BOOST_AUTO_TEST_CASE(what_is_no_message_or_says_nothing_known_is_refused) {
  BOOST_TEST(!read_from_guest("\x0a\xff").has_value());
  BOOST_TEST(!read_from_guest(std::string("\x7a\x01x")).has_value());  // field 15
  BOOST_TEST(!read_from_guest("").has_value());
}

BOOST_AUTO_TEST_CASE(policies_of_any_size_come_out_of_their_frames_as_they_were) {
  plugin::GuestPolicies set{7, {{"small", "s"}, {"empty", ""}, {"big", std::string(200'000, 'b')}}};
  for (int i = 0; i < 400; ++i) {
    set.items.push_back({"p" + std::to_string(i), std::string(static_cast<std::size_t>(i), 'p')});
  }
  const auto messages = policies_messages(set);
  BOOST_REQUIRE(messages);
  BOOST_TEST(messages->size() > 3U);
  std::vector<plugin::GuestPolicy> got;
  bool going_on = false;
  for (const auto& message : *messages) {
    BOOST_TEST(message.size() <= kMaxFrame);
    v1::FromHost word;
    BOOST_REQUIRE(word.ParseFromString(message));
    BOOST_TEST(word.policies().generation() == 7U);
    BOOST_TEST(word.policies().more() == (&message != &messages->back()));
    for (const auto& text : word.policies().policies()) {
      if (!going_on) {
        got.push_back({text.name(), ""});
      }
      BOOST_TEST(got.back().name == text.name());
      got.back().text += text.text();
      going_on = text.more();
    }
  }
  BOOST_TEST(!going_on);
  BOOST_REQUIRE(got.size() == set.items.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    BOOST_TEST(got[i].name == set.items[i].name);
    BOOST_TEST((got[i].text == set.items[i].text));
  }
}

BOOST_AUTO_TEST_CASE(more_policies_than_a_guest_takes_are_an_error) {
  BOOST_TEST(!policies_messages({1, std::vector<plugin::GuestPolicy>(kMaxPolicies + 1)}));
  BOOST_TEST(!policies_messages({1, {{"big", std::string(kMaxPolicyBytes + 1, 'x')}}}));
}

BOOST_AUTO_TEST_CASE(an_identity_that_does_not_fit_a_frame_is_an_error) {
  plugin::GuestGrant grant;
  grant.identity.pod_labels["long"] = std::string(100'000, 'l');
  const auto message = verdict_message(claim_of("c").claim(), &grant, "", true);
  BOOST_REQUIRE(!message);
  BOOST_TEST(mentions(message.error().message, "labels"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata
