#include "hook/guest_wire.hpp"

#include <boost/test/unit_test.hpp>
#include <random>
#include <string>

#include "usher/guest/v1/relay.pb.h"

using namespace usher::hook;
namespace guest = usher::guest::v1;

namespace {

std::string framed(const std::string& message) {
  std::string out(kFrameHeader, '\0');
  for (unsigned i = 0; i < kFrameHeader; ++i) {
    out[i] = static_cast<char>(message.size() >> (24 - 8 * i) & 0xffU);
  }
  return out + message;
}

guest::FromHost go_for(const Claim& claim) {
  guest::FromHost answer;
  auto& verdict = *answer.mutable_verdict();
  verdict.set_ticket(claim.ticket);
  verdict.set_container_id(claim.container_id);
  verdict.set_nonce(claim.nonce);
  verdict.set_word(guest::Verdict::WORD_GO);
  return answer;
}

const Claim kClaim = {.ticket = 7, .container_id = "c1", .nonce = std::string(16, '\x80')};

}  // namespace

BOOST_AUTO_TEST_SUITE(guest_wire)

BOOST_AUTO_TEST_CASE(a_claim_is_encoded_byte_for_byte_as_protobuf_does) {
  for (const std::uint64_t ticket : {UINT64_C(0), UINT64_C(1), UINT64_C(128), UINT64_MAX}) {
    for (const std::size_t size : {0U, 1U, 127U, 128U, 255U}) {
      const Claim claim = {.ticket = ticket,
                           .container_id = std::string(size, '\xff'),
                           .nonce = std::string("\0\1\2\xfe", 4)};
      guest::FromGuest word;
      word.mutable_claim()->set_ticket(claim.ticket);
      word.mutable_claim()->set_container_id(claim.container_id);
      word.mutable_claim()->set_nonce(claim.nonce);
      word.mutable_claim()->set_version("0.1.0");
      const bool same = encode_claim(claim, "0.1.0") == framed(word.SerializeAsString());
      BOOST_TEST(same, "ticket " << ticket << ", an id of " << size << " bytes");
    }
  }
  BOOST_TEST((encode_claim({}, "") == framed(std::string("\x0a\0", 2))));
}

BOOST_AUTO_TEST_CASE(a_verdict_of_protobuf_is_decoded) {
  auto answer = go_for(kClaim);
  answer.mutable_verdict()->set_word(guest::Verdict::WORD_REFUSE);
  answer.mutable_verdict()->set_message("no \xff");
  answer.mutable_verdict()->mutable_identity()->set_pod_name("web-0");
  (*answer.mutable_verdict()->mutable_identity()->mutable_pod_labels())["a"] = "b";
  answer.mutable_verdict()->set_generation(300);
  const auto verdict = decode_verdict(answer.SerializeAsString());
  BOOST_REQUIRE(verdict.has_value());
  BOOST_TEST(answers(*verdict, kClaim));
  BOOST_TEST(verdict->word == kWordRefuse);
  BOOST_TEST(verdict->message == "no \xff");
  BOOST_TEST(kWordGo == guest::Verdict::WORD_GO);
  BOOST_TEST(kWordRefuse == guest::Verdict::WORD_REFUSE);
}

BOOST_AUTO_TEST_CASE(a_verdict_for_another_claim_does_not_answer_it) {
  const auto decoded = [](const guest::FromHost& answer) {
    return decode_verdict(answer.SerializeAsString()).value();
  };
  BOOST_TEST(answers(decoded(go_for(kClaim)), kClaim));
  auto other = go_for(kClaim);
  other.mutable_verdict()->set_ticket(8);
  BOOST_TEST(!answers(decoded(other), kClaim));
  other = go_for(kClaim);
  other.mutable_verdict()->set_container_id("c2");
  BOOST_TEST(!answers(decoded(other), kClaim));
  other = go_for(kClaim);
  other.mutable_verdict()->clear_nonce();
  BOOST_TEST(!answers(decoded(other), kClaim));
}

BOOST_AUTO_TEST_CASE(fields_that_a_later_host_adds_are_passed_over) {
  auto verdict = go_for(kClaim).verdict().SerializeAsString();
  verdict += std::string("\x4a\x02hi\x50\x01", 6) + std::string("\x5d") + std::string(4, 'f');
  const std::string message = std::string("\x22\x01x\x0a", 4) + static_cast<char>(verdict.size()) +
                              verdict + std::string("\x29") + std::string(8, 'f');
  const auto decoded = decode_verdict(message);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(answers(*decoded, kClaim));
  BOOST_TEST(decoded->word == kWordGo);
}

BOOST_AUTO_TEST_CASE(what_is_no_single_verdict_is_an_error) {
  const std::string go = go_for(kClaim).SerializeAsString();
  guest::FromHost welcome;
  welcome.mutable_welcome()->set_protocol(1);
  guest::FromHost policies;
  policies.mutable_policies()->set_generation(1);
  for (const std::string& message :
       {std::string(), go + go, welcome.SerializeAsString(), policies.SerializeAsString(),
        go + welcome.SerializeAsString(), go.substr(0, go.size() - 1), go + "\x0b",
        std::string("\x08\x01", 2), std::string("\0\0", 2),
        std::string("\x0a\x04\x20\x01\x20\x01", 6),           // its word twice
        std::string("\x0a\x06\x22\x04\x20\x01\x20\x01", 8)})  // its word as bytes
  {
    BOOST_TEST(!decode_verdict(message).has_value());
  }
}

BOOST_AUTO_TEST_CASE(the_length_of_a_frame_is_bounded) {
  BOOST_TEST(frame_length(std::string("\0\0\0\x01", 4)).value() == 1U);
  BOOST_TEST(frame_length(std::string("\0\1\0\0", 4)).value() == kMaxFrame);
  BOOST_TEST(!frame_length(std::string("\0\0\0\0", 4)).has_value());
  BOOST_TEST(!frame_length(std::string("\0\1\0\1", 4)).has_value());
  BOOST_TEST(!frame_length("\xff\xff\xff\xff").has_value());
}

BOOST_AUTO_TEST_CASE(random_changes_of_a_verdict_are_decoded_as_protobuf_does_or_refused) {
  std::mt19937 random(1);
  const std::string go = go_for(kClaim).SerializeAsString();
  int decoded = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = go;
    for (unsigned changes = 1 + random() % 3; changes != 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto ours = decode_verdict(bytes);
    guest::FromHost theirs;
    if (!ours) {
      continue;
    }
    ++decoded;
    if (theirs.ParseFromString(bytes)) {
      BOOST_TEST(ours->ticket == theirs.verdict().ticket());
      BOOST_TEST(ours->container_id == theirs.verdict().container_id());
      BOOST_TEST(ours->nonce == theirs.verdict().nonce());
      BOOST_TEST((ours->word != kWordGo || theirs.verdict().word() == guest::Verdict::WORD_GO));
    } else {
      // Ours may only be more patient about fields that it passes over.
      BOOST_TEST(!answers(*ours, kClaim));
    }
  }
  BOOST_TEST(decoded > 1000);
}

BOOST_AUTO_TEST_SUITE_END()
