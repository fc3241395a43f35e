// The conformance runner, over adapters that keep the rules and over those that break one each.
#include "adapter/conformance.hpp"

#include <algorithm>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>

#include "host_fixture.hpp"

using usher::adapter::check_conformance;
using usher::adapter::Verdict;
using usher::test::test_adapter;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

// `rules` empty: all.
std::vector<Verdict> check(const std::string& library, const usher::adapter::Config& settings = {},
                           std::vector<std::string> rules = {},
                           std::chrono::milliseconds limit = 20s) {
  return check_conformance({.path = library,
                            .trust_any_owner = true,
                            .settings = settings,
                            .rules = std::move(rules),
                            .limit = limit});
}

const Verdict& of(const std::vector<Verdict>& verdicts, const std::string& rule) {
  const auto at = std::ranges::find(verdicts, rule, &Verdict::rule);
  BOOST_TEST_REQUIRE((at != verdicts.end()), rule << " was not tried");
  return *at;
}

struct Broken {
  const char* library;
  const char* setting;  // rude.c's rule
  const char* rule;
  const char* detail;
};
std::ostream& operator<<(std::ostream& out, const Broken& broken) {
  return out << broken.library << ' ' << broken.setting;
}

// Every rule is broken by one adapter at least, and every adapter that misbehaves breaks one.
constexpr Broken kBroken[] = {
    {"broken", "", "load", "it has no usher_plugin_v1.stop"},
    {"short", "", "load", "usher_plugin_v1 of 96 bytes"},
    {"twice", "", "identify", "it answered question"},
    {"rude", "crash", "life", "it crashed: Aborted"},
    {"rude", "stop-twice", "life", "it said stopped twice"},
    {"rude", "late-calls", "life", "after it said stopped"},
    {"rude", "null-event", "life", "it gave no usher_event"},
    {"rude", "wild-string", "stop-at-once", "it gave pod_name of"},
    {"rude", "null-instance", "create-only", "made no instance"},
    {"rude", "early", "create-only", "published before start"},
    {"rude", "never-synced", "feed", "never said synced"},
    {"rude", "synced-first", "feed", "after synced"},
    {"rude", "wild-kind", "unknown-settings", "create took the setting no.such.setting"},
    {"loud", "", "one-symbol", "loud_counter"},
    {"rude", "fickle", "probe", "asked twice it answered differently"},
    {"rude", "absent-without-leave", "probe", "absent and not why"},
    {"rude", "null-error", "null-error", "it "},  // how it ends is the sanitizer's choice
    {"mute", "", "life", "did not say stopped"},
    {"talkative", "", "life", "an event of runtime \"other\""},
    {"rude", "one-life", "instances", "it gave no usher_event"},
    {"rude", "stop-twice", "stop-amid-events", "it said stopped twice"},
    {"rude", "hasty", "slow-done", "it gave no usher_event"},
    {"rude", "lost-patience", "lost-done", "it gave no usher_event"},
    {"rude", "bad-loser", "refused", "it gave no usher_event"},
    {"rude", "null-callback", "bare-agent", "it "},
    {"rude", "stop-unanswered", "answers-before-stopped", "with 50 questions unanswered"},
    {"rude", "open-thread", "signals-blocked", "does not block SIGTERM"},
    {"rude", "leaves-files", "leaves-nothing", "2 file descriptors are left"},
    {"rude", "moves", "process-untouched", "changed the working directory"},
    {"rude", "deaf", "process-untouched", "changed what signal 12 does"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(adapter_conformance)

BOOST_DATA_TEST_CASE(a_good_adapter_breaks_no_rule,
                     data::make({std::string(TEST_ADAPTERS) + "/minimal_c.so",
                                 std::string(TEST_ADAPTERS) + "/newer.so",
                                 std::string(ADAPTERS) + "/cri-o.so"}),
                     library) {
  for (const auto& verdict : check(library)) {
    if (verdict.rule == "one-symbol" && USHER_TEST_SANITIZED) {
      continue;  // the sanitizers' own symbols
    }
    BOOST_TEST((verdict.result != Verdict::Result::failed), verdict.rule << ": " << verdict.detail);
  }
}

BOOST_DATA_TEST_CASE(a_broken_rule_is_named, data::make(kBroken), broken) {
  usher::adapter::Config settings;
  if (*broken.setting != '\0') {
    settings["rule"] = std::string(broken.setting);
  }
  const auto verdicts = check(test_adapter(broken.library), settings, {broken.rule});
  const auto& verdict = of(verdicts, broken.rule);
  BOOST_TEST((verdict.result == Verdict::Result::failed));
  BOOST_TEST(verdict.detail.find(broken.detail) != std::string::npos, verdict.detail);
}

BOOST_AUTO_TEST_CASE(every_rule_is_seen_to_fail) {
  for (const auto& rule : usher::adapter::conformance_rule_ids()) {
    BOOST_TEST(std::ranges::any_of(kBroken, [&](const Broken& each) { return each.rule == rule; }),
               "no adapter of the tests breaks " << rule);
  }
}

// Without these a rule could fail for another reason than that of its name.
BOOST_AUTO_TEST_CASE(what_bears_the_one_answer_and_not_the_other_is_told_apart) {
  const std::vector<std::string> rules{"slow-done", "lost-done", "refused"};
  const auto broken_by = [&](const std::string& setting) {
    std::vector<std::string> failed;
    for (const auto& verdict : check(test_adapter("rude"), {{"rule", setting}}, rules)) {
      if (verdict.result == Verdict::Result::failed) {
        failed.push_back(verdict.rule);
      }
    }
    return failed;
  };
  using Rules = std::vector<std::string>;
  BOOST_TEST(broken_by("hasty") == (Rules{"slow-done", "lost-done"}),
             boost::test_tools::per_element());
  BOOST_TEST(broken_by("lost-patience") == Rules{"lost-done"}, boost::test_tools::per_element());
  BOOST_TEST(broken_by("bad-loser") == (Rules{"lost-done", "refused"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_adapter_that_hangs_fails_its_rule_and_the_rest_is_tried) {
  const auto verdicts =
      check(test_adapter("rude"), {{"rule", std::string("hang")}}, {"life", "probe"}, 1s);
  BOOST_TEST(of(verdicts, "life").detail.find("it hung") != std::string::npos);
  BOOST_TEST((of(verdicts, "probe").result == Verdict::Result::passed));
}

BOOST_AUTO_TEST_CASE(an_adapter_that_others_may_write_is_not_loaded) {
  const auto verdicts = check_conformance({.path = "/dev/null", .settings = {}, .rules = {}});
  BOOST_TEST(verdicts.size() == 1U);
  BOOST_TEST(verdicts.front().detail.find("writable by others") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
