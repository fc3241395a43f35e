#include "hook/wire.hpp"

#include <boost/test/unit_test.hpp>
#include <random>
#include <string>

#include "usher/v1/hooks.pb.h"

using namespace usher::hook;

namespace {

std::string framed(const std::string& message) {
  std::string out(5, '\0');
  for (unsigned i = 0; i < 4; ++i) {
    out[1 + i] = static_cast<char>(message.size() >> (24 - 8 * i) & 0xffU);
  }
  return out + message;
}

std::string by_protobuf(Stage stage, const std::string& runtime, const std::string& state,
                        const std::string& version) {
  usher::v1::HookRequest request;
  request.set_stage(static_cast<usher::v1::HookStage>(stage));
  request.set_runtime(runtime);
  request.set_state(state);
  request.set_hook_version(version);
  return framed(request.SerializeAsString());
}

}  // namespace

BOOST_AUTO_TEST_CASE(stage_numbers_and_names_are_those_of_the_proto) {
  BOOST_TEST(static_cast<int>(Stage::prestart) == usher::v1::HOOK_STAGE_PRESTART);
  BOOST_TEST(static_cast<int>(Stage::create_runtime) == usher::v1::HOOK_STAGE_CREATE_RUNTIME);
  BOOST_TEST(static_cast<int>(Stage::create_container) == usher::v1::HOOK_STAGE_CREATE_CONTAINER);
  BOOST_TEST(static_cast<int>(Stage::start_container) == usher::v1::HOOK_STAGE_START_CONTAINER);
  BOOST_TEST(static_cast<int>(Stage::poststart) == usher::v1::HOOK_STAGE_POSTSTART);
  BOOST_TEST(static_cast<int>(Stage::poststop) == usher::v1::HOOK_STAGE_POSTSTOP);
  for (const auto name : kStageNames) {
    BOOST_TEST(stage_name(*stage_named(name)) == name);
  }
  BOOST_TEST(!stage_named("createruntime"));
}

BOOST_AUTO_TEST_CASE(a_request_is_encoded_byte_for_byte_as_protobuf_does) {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) {
    every_byte += static_cast<char>(i);
  }
  for (const auto& state :
       {std::string(), std::string("{}"), every_byte, std::string(127, 'x'), std::string(128, 'x'),
        std::string(16384, 'y'), std::string(4U << 20, 'z')}) {
    for (const auto name : kStageNames) {
      const Stage stage = *stage_named(name);
      const bool same = encode_request(stage, "cri-o", state, "0.1.0") ==
                        by_protobuf(stage, "cri-o", state, "0.1.0");
      BOOST_TEST(same, name << " with a state of " << state.size() << " bytes");
    }
  }
  BOOST_TEST(
      (encode_request(Stage::poststop, "", "", "") == by_protobuf(Stage::poststop, "", "", "")));
}

BOOST_AUTO_TEST_CASE(an_answer_of_protobuf_is_decoded) {
  usher::v1::HookResponse response;
  response.set_verdict(usher::v1::HookResponse::VERDICT_REFUSE);
  response.set_message(std::string("no\0 \xff", 5));
  const auto answer = decode_answer(framed(response.SerializeAsString()));
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->verdict == kVerdictRefuse);
  BOOST_TEST((answer->message == std::string("no\0 \xff", 5)));
  BOOST_TEST(kVerdictGo == usher::v1::HookResponse::VERDICT_GO);

  const auto empty = decode_answer(framed(""));
  BOOST_REQUIRE(empty.has_value());
  BOOST_TEST(empty->verdict == 0U);
}

BOOST_AUTO_TEST_CASE(fields_that_a_later_agent_adds_are_passed_over) {
  // 3: varint, 4: fixed64, 5: bytes, 6: fixed32, then verdict GO.
  const std::string message = std::string("\x18\x96\x01", 3) + std::string("\x21") +
                              std::string(8, 'f') + std::string("\x2a\x02hi") +
                              std::string("\x35") + std::string(4, 'f') + std::string("\x08\x01");
  const auto answer = decode_answer(framed(message));
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->verdict == kVerdictGo);
}

BOOST_AUTO_TEST_CASE(broken_answers_are_errors_and_never_a_go) {
  BOOST_TEST(!decode_answer("").has_value());
  BOOST_TEST(!decode_answer(std::string(4, '\0')).has_value());
  BOOST_TEST(!decode_answer(std::string("\x01\0\0\0\x02\x08\x01", 7)).has_value());  // compressed
  BOOST_TEST(!decode_answer(std::string("\0\0\0\0\x03\x08\x01", 7)).has_value());    // too short
  BOOST_TEST(!decode_answer(std::string("\0\0\0\0\x01\x08\x01", 7)).has_value());    // too long
  for (const std::string& message :
       {std::string("\x08"), std::string("\x08\xff"), std::string("\x12\x05hi"),
        std::string("\x0b"), std::string("\x00\x00", 2), std::string(11, '\xff'),
        std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    BOOST_TEST(!decode_answer(framed(message)).has_value());
  }
}

BOOST_AUTO_TEST_CASE(random_bytes_are_decoded_as_protobuf_decodes_them_or_refused) {
  std::mt19937 random(1);
  std::string bytes;
  int decoded = 0;
  for (int i = 0; i < 20000; ++i) {
    bytes.resize(random() % 12);
    for (auto& byte : bytes) {
      byte = static_cast<char>(random() % 3 == 0 ? random() : random() % 0x20);
    }
    const auto answer = decode_answer(framed(bytes));
    usher::v1::HookResponse response;
    if (answer && response.ParseFromString(bytes)) {
      ++decoded;
      BOOST_TEST(static_cast<int>(answer->verdict) == static_cast<int>(response.verdict()));
      BOOST_TEST(answer->message == response.message());
    } else if (answer) {
      // Ours may only be more patient about fields that it passes over.
      BOOST_TEST(answer->verdict != kVerdictGo);
    }
  }
  BOOST_TEST(decoded > 1000);
}

BOOST_AUTO_TEST_CASE(grpc_messages_are_percent_decoded) {
  BOOST_TEST(percent_decode("100%25 full%0a") == "100% full\n");
  BOOST_TEST(percent_decode("%E2%82%ac") == "\xe2\x82\xac");
  BOOST_TEST(percent_decode("50% of %zz %4") == "50% of %zz %4");
  BOOST_TEST(percent_decode("") == "");
}
