#include "hook/guest_state.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <string>

#include "hook/guest.hpp"
#include "hook/guest_target.hpp"

using namespace usher::hook;

BOOST_AUTO_TEST_SUITE(guest_state)

BOOST_AUTO_TEST_CASE(the_runtimes_state_is_read) {
  const auto state = parse_guest_state(
      R"({"ociVersion":"1.2.1","id":"c1","status":"created","pid":41,"bundle":"/b",)"
      R"("annotations":{"id":"x","pid":"7","n":{"pid":9}},"list":[{"id":"y"},1]})");
  BOOST_TEST(state.problem == "");
  BOOST_TEST(state.pid == 41);
  BOOST_TEST(state.id == "c1");
}

BOOST_AUTO_TEST_CASE(a_broken_state_keeps_the_pid_that_stood_before_the_fault) {
  for (const std::string json :
       {R"({"pid":41,"id":"c1")", R"({"pid":41})", R"({"pid":41,"id":""})", R"({"pid":41,"id":1})",
        R"({"pid":41,"id":"a","id":"b"})", R"({"pid":41,"pid":42,"id":"a"})",
        R"({"pid":41,"id":"a","x":})", R"({"pid":41,"id":["a"]})", R"({"pid":41,"id":{"id":"a"}})",
        R"({"pid":41,"id":null})"}) {
    const auto state = parse_guest_state(json);
    BOOST_TEST(state.problem != "", json);
    BOOST_TEST(state.pid == 41, json);
  }
  BOOST_TEST(parse_guest_state(R"({"pid":41,"id":")" + std::string(256, 'x') + "\"}").problem !=
             "");
  BOOST_TEST(parse_guest_state(R"({"pid":41,"id":")" + std::string(255, 'x') + "\"}").problem ==
             "");
  BOOST_TEST(parse_guest_state(R"({"pid":41,"id":"a","x":)" + std::string(70, '[')).problem != "");
}

BOOST_AUTO_TEST_CASE(what_is_no_pid_is_none) {
  for (const std::string json :
       {R"({"id":"a"})", R"({"id":"a","pid":0})", R"({"id":"a","pid":-1})",
        R"({"id":"a","pid":1.5})", R"({"id":"a","pid":"41"})", R"({"id":"a","pid":2147483648})",
        R"({"id":"a","pid":18446744073709551617})", R"({"id":"a","pid":null})", "[41]", "41", "",
        "\"a\""}) {
    const auto state = parse_guest_state(json);
    BOOST_TEST(state.pid == 0, json);
    BOOST_TEST(state.problem != "", json);
  }
}

BOOST_AUTO_TEST_CASE(a_process_that_cannot_be_held_is_killed) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto target = Target::open(child);
  ::setrlimit(RLIMIT_NOFILE, &before);
  int status = 0;
  BOOST_REQUIRE(!target);
  BOOST_TEST(target.error().message.find("which was killed") != std::string::npos);
  BOOST_TEST(::waitpid(child, &status, 0) == child);
  BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

BOOST_AUTO_TEST_CASE(the_stage_is_told_by_word_or_by_folder) {
  const auto stage = [](const char* word, std::string_view program) {
    return guest_stage(std::span<const char* const>(&word, 1), program);
  };
  BOOST_TEST((stage("guest-prestart", "/usr/libexec/usher-hook") == Stage::prestart));
  BOOST_TEST((stage("guest-poststart", "") == Stage::poststart));
  BOOST_TEST((stage("guest-poststop", "/x/prestart/usher-hook") == Stage::poststop));
  BOOST_TEST((stage("prestart", "/hooks/prestart/usher-hook") == Stage::prestart));
  BOOST_TEST((stage("poststop", "/hooks/poststop/10-x") == Stage::poststop));
  BOOST_TEST((stage("prestart", "") == Stage::prestart));
  BOOST_TEST(!stage("prestart", "/usr/libexec/usher/usher-hook"));
  BOOST_TEST(!stage("poststop", "/hooks/prestart/usher-hook"));
  BOOST_TEST(!stage("guest-createRuntime", "/x/y"));
  BOOST_TEST(!stage("createRuntime", "/x/createRuntime/usher-hook"));
  BOOST_TEST(!stage("--help", "/x/y"));
  const std::array<const char*, 3> host = {"prestart", "--runtime", "cri-o"};
  BOOST_TEST(!guest_stage(host, "/hooks/prestart/usher-hook"));
}

BOOST_AUTO_TEST_SUITE_END()
