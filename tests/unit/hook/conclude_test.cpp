#include "hook/conclude.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

using namespace usher::hook;
namespace fs = std::filesystem;
using Kind = Outcome::Kind;

namespace {

struct Fixture {
  Fixture() {
    std::string name = "/tmp/usher-conclude-XXXXXX";
    base = ::mkdtemp(name.data());
    options.runtime = "podman";
    options.socket = "/nowhere/hook.sock";
    options.spool = base / "spool";
  }
  ~Fixture() { fs::remove_all(base); }

  std::size_t notes() const {
    return fs::exists(options.spool)
               ? static_cast<std::size_t>(std::distance(fs::directory_iterator(options.spool), {}))
               : 0;
  }

  fs::path base;
  Options options;
};

const std::string kExempt =
    R"({"id":"c","annotations":{"io.kubernetes.pod.namespace":"kube-system"}})";
const std::string kOrdinary =
    R"({"id":"c","annotations":{"io.kubernetes.pod.namespace":"payments"}})";

bool says(const std::string& text, const std::string& part) {
  BOOST_TEST_MESSAGE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(conclude_test, Fixture)

BOOST_AUTO_TEST_CASE(go_says_nothing_and_reads_nothing) {
  const auto ending = conclude(options, {Kind::go, ""}, "no json at all");
  BOOST_TEST(ending.status == 0);
  BOOST_TEST(ending.sentence == "");
}

BOOST_AUTO_TEST_CASE(an_agent_that_cannot_be_asked_fails_closed) {
  for (const Kind kind : {Kind::unavailable, Kind::late, Kind::failed}) {
    const auto ending = conclude(options, {kind, "connect: nothing"}, kOrdinary);
    BOOST_TEST(ending.status == 1);
    BOOST_TEST(says(ending.sentence, "/nowhere/hook.sock"));
    BOOST_TEST(says(ending.sentence, "connect: nothing"));
    BOOST_TEST(says(ending.sentence, "systemctl status usherd"));
    BOOST_TEST(notes() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(an_exempt_container_starts_and_is_noted) {
  const auto ending = conclude(options, {Kind::unavailable, "x"}, kExempt);
  BOOST_TEST(ending.status == 0);
  BOOST_TEST(says(ending.sentence, "namespace kube-system is exempt"));
  BOOST_TEST(notes() == 1U);
}

BOOST_AUTO_TEST_CASE(fail_open_lets_go_and_is_noted) {
  options.fail_open = true;
  const auto ending = conclude(options, {Kind::late, "x"}, kOrdinary);
  BOOST_TEST(ending.status == 0);
  BOOST_TEST(says(ending.sentence, "--fail open"));
  BOOST_TEST(notes() == 1U);
  BOOST_TEST(conclude(options, {Kind::late, "x"}, "no json").status == 0);
}

BOOST_AUTO_TEST_CASE(a_note_that_cannot_be_left_is_said) {
  options.fail_open = true;
  options.spool = "/proc/nowhere/spool";
  const auto ending = conclude(options, {Kind::late, "x"}, kOrdinary);
  BOOST_TEST(ending.status == 0);
  BOOST_TEST(says(ending.sentence, "could not be noted"));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_overridden_by_nothing) {
  options.fail_open = true;
  const auto ending = conclude(options, {Kind::refused, "bad\x1b[1m\npod"}, kExempt);
  BOOST_TEST(ending.status == 1);
  BOOST_TEST(says(ending.sentence, "refused this container: bad\\x1b[1m\\x0apod"));
  BOOST_TEST(notes() == 0U);
}

BOOST_AUTO_TEST_CASE(hints_never_fail_a_container_and_are_not_noted) {
  for (const Stage stage : {Stage::poststart, Stage::poststop}) {
    options.stage = stage;
    for (const Kind kind : {Kind::refused, Kind::unavailable, Kind::late, Kind::failed}) {
      const auto ending = conclude(options, {kind, "x"}, kOrdinary);
      BOOST_TEST(ending.status == 0);
      BOOST_TEST(says(ending.sentence, "not affected"));
    }
    BOOST_TEST(conclude_unreadable(options, "x").status == 0);
  }
  BOOST_TEST(notes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_state_that_is_no_json_exempts_nobody_and_is_said) {
  const auto ending = conclude(options, {Kind::unavailable, "x"}, "{\"id\":");
  BOOST_TEST(ending.status == 1);
  BOOST_TEST(says(ending.sentence, "no exemption could be looked for"));
}

BOOST_AUTO_TEST_CASE(a_state_that_cannot_be_read_does_not_open_what_fails_open) {
  options.fail_open = true;
  BOOST_TEST(conclude_unreadable(options, "too long").status == 1);
}

BOOST_AUTO_TEST_CASE(what_others_say_stays_one_line_of_bounded_length) {
  BOOST_TEST(shown("a\nb") == "a\\x0ab");
  BOOST_TEST(shown(std::string(5000, 'x')).size() <= 1027U);
  BOOST_TEST(shown(std::string(5000, '\x01')).size() <= 1027U);
  const std::string euros = [] {
    std::string text = "x";
    for (int i = 0; i < 1000; ++i) {
      text += "\xe2\x82\xac";
    }
    return text;
  }();
  const auto cut = shown(euros);
  BOOST_TEST(cut.ends_with("..."));
  BOOST_TEST(cut.size() <= 1027U);
  BOOST_TEST(euros.starts_with(cut.substr(0, 1000)));
}

BOOST_AUTO_TEST_CASE(print_shows_what_would_be_sent) {
  const auto text = describe(options, "{\"a\":\"\x1b\"}");
  BOOST_TEST(says(text, "stage: createRuntime (2)\n"));
  BOOST_TEST(says(text, "runtime: podman\n"));
  BOOST_TEST(says(text, "state length: 9\n"));
  BOOST_TEST(says(text, "state: {\"a\":\"\\x1b\"}\n"));
  BOOST_TEST(says(text, "exempt namespace: kube-system\n"));
}

BOOST_AUTO_TEST_SUITE_END()
