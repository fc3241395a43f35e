// Hooks and agents of different times: the wire's version 1 as it was first sent, held against
// today's programs. The bytes are frozen; a change here breaks hooks that are installed on nodes.
#include <boost/test/unit_test.hpp>
#include <string>

#include "base/file.hpp"
#include "hook/wire.hpp"
#include "usher/v1/hooks.pb.h"

using namespace usher::hook;
using usher::v1::HookRequest;
using usher::v1::HookResponse;

namespace {

std::string frozen(const std::string& name) {
  return usher::read_file(std::string(TEST_SOURCE_DIR) + "/fixtures/wire/" + name).value();
}

constexpr std::size_t kHeader = 5;  // gRPC's: not compressed, length

HookRequest request_in(const std::string& name) {
  HookRequest request;
  BOOST_TEST_REQUIRE(request.ParseFromString(frozen(name).substr(kHeader)));
  return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hooks_and_agents_of_other_times)

BOOST_AUTO_TEST_CASE(todays_agent_reads_the_first_hooks_request) {
  const auto request = request_in("request-1.bin");
  BOOST_TEST(request.stage() == usher::v1::HOOK_STAGE_CREATE_RUNTIME);
  BOOST_TEST(request.runtime() == "cri-o");
  BOOST_TEST(request.state() == "{\"ociVersion\":\"1.0.2\",\"id\":\"c1\",\"pid\":4711}");
  BOOST_TEST(request.hook_version() == "0.1.0");
}

BOOST_AUTO_TEST_CASE(todays_agent_reads_a_hook_without_the_later_fields) {
  const auto request = request_in("request-1-required.bin");
  BOOST_TEST(request.stage() == usher::v1::HOOK_STAGE_CREATE_RUNTIME);
  BOOST_TEST(request.runtime() == "cri-o");
  BOOST_TEST(request.hook_version().empty());
}

BOOST_AUTO_TEST_CASE(todays_agent_passes_over_what_a_later_hook_adds) {
  const auto request = request_in("request-later.bin");
  BOOST_TEST(request.stage() == usher::v1::HOOK_STAGE_CREATE_RUNTIME);
  BOOST_TEST(request.runtime() == "cri-o");
  BOOST_TEST(request.state() == "{}");
}

BOOST_AUTO_TEST_CASE(todays_hook_sends_what_the_first_agent_reads) {
  const std::string state = "{\"ociVersion\":\"1.0.2\",\"id\":\"c1\",\"pid\":4711}";
  const auto today = encode_request(Stage::create_runtime, "cri-o", state, "0.1.0");
  const auto first = frozen("request-1.bin");
  // Fields may be added behind those that were there.
  BOOST_TEST(today.substr(kHeader, first.size() - kHeader) == first.substr(kHeader));
}

BOOST_AUTO_TEST_CASE(todays_hook_reads_the_first_and_a_later_agents_answer) {
  const auto go = decode_answer(frozen("answer-1-go.bin"));
  BOOST_TEST_REQUIRE(go.has_value());
  BOOST_TEST(go->verdict == kVerdictGo);
  const auto refuse = decode_answer(frozen("answer-1-refuse.bin"));
  BOOST_TEST_REQUIRE(refuse.has_value());
  BOOST_TEST(refuse->verdict == kVerdictRefuse);
  BOOST_TEST(refuse->message == "no such adapter");
  const auto later = decode_answer(frozen("answer-later.bin"));
  BOOST_TEST_REQUIRE(later.has_value());
  // A verdict that this hook does not know is no GO.
  BOOST_TEST(later->verdict == 7U);
}

BOOST_AUTO_TEST_SUITE_END()
