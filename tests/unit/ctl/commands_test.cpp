#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "ctl_double.hpp"

namespace usher::ctl::test {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

const std::vector<Words> kAgentCommands = {
    {"status"},
    {"workloads"},
    {"policies", "list"},
    {"adapters"},
    {"explain", "payments/api", "exec", kHostile},
    {"events"},
    {"mode", "audit"},
    {"release", kHostile, "--yes"},
    {"reload"},
};

std::string named(const Words& words) {
  std::string out;
  for (const auto& word : words) {
    out += word + " ";
  }
  return out;
}

// Nothing but lines of printable text.
bool printable(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f || byte == 0xff) {
      return false;
    }
  }
  return text.find("\xe2\x80\xae") == std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(no_byte_of_a_container_reaches_the_terminal_raw) {
  for (auto words : kAgentCommands) {
    for (const bool json : {false, true}) {
      Box box;
      if (json) {
        words.emplace_back("--json");
      }
      const auto outcome = box.run(words);
      BOOST_TEST(printable(outcome.out), named(words) << outcome.out);
      BOOST_TEST(printable(outcome.err), named(words) << outcome.err);
      BOOST_TEST(!box.asked.empty(), named(words));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_table_keeps_one_line_for_one_workload) {
  Box box;
  const auto outcome = box.run({"workloads"});
  BOOST_TEST(outcome.code == kOk);
  BOOST_TEST(std::ranges::count(outcome.out, '\n') == 2);
}

BOOST_AUTO_TEST_CASE(json_parses_and_has_the_documented_keys) {
  Box box;
  const auto status = Json::parse(box.run({"status", "--json"}).out);
  for (const char* key :
       {"version", "backend", "mode", "warnings", "counters", "policies_current"}) {
    BOOST_TEST(status.contains(key), key);
  }
  BOOST_TEST(status["counters"]["armed"] == 12);
  const auto workloads = Json::parse(box.run({"--json", "workloads"}).out)["workloads"];
  BOOST_REQUIRE(workloads.size() == 1);
  BOOST_TEST(workloads[0]["slot"] == 7);
  BOOST_TEST(workloads[0]["namespace"].get<std::string>().find("\\x1b[31m\\x0a") !=
             std::string::npos);
  BOOST_TEST(Json::parse(box.run({"policies", "list", "--json"}).out)["policies"][0]["state"] ==
             "last-good");
  const auto adapter = Json::parse(box.run({"adapters", "--json"}).out)["adapters"][0];
  BOOST_TEST(adapter["name"] == "cri-o");
  BOOST_TEST(adapter["selection"] == "chosen: its probe found the runtime on this node");
  BOOST_TEST(adapter["counters"]["answered_twice"] == 3);
  BOOST_TEST(Json::parse(box.run({"explain", "x", "exec", "/bin/sh", "--json"}).out)["verdict"] ==
             "deny");
}

BOOST_AUTO_TEST_CASE(an_adapters_broken_rules_are_told_from_what_it_may_do) {
  Box box;
  const auto text = box.run({"adapters"}).out;
  BOOST_TEST(text.find("answered_twice 3") != std::string::npos);
  BOOST_TEST(text.find("events 5") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(events_are_one_line_each_in_both_forms) {
  Box box;
  const auto text = box.run({"events", "--history", "7", "--follow"});
  BOOST_TEST(box.asked == Words{"events 7 follow"}, boost::test_tools::per_element());
  BOOST_TEST(std::ranges::count(text.out, '\n') == 2);
  for (const char* word :
       {"deny", "exec", "policy lockdown rule no-shells", "pid 42", "+3 suppressed"}) {
    BOOST_TEST(text.out.find(word) != std::string::npos, word);
  }
  std::istringstream lines(box.run({"events", "--json"}).out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto event = Json::parse(line);
    BOOST_TEST(event["rule"] == "no-shells");
    BOOST_TEST(event["time"] == "2023-11-14T22:13:20.123456Z");
  }
  BOOST_TEST(count == 2);
}

BOOST_AUTO_TEST_CASE(exit_codes_tell_failures_apart) {
  using Kind = api::CallError::Kind;
  const std::vector<std::pair<Kind, int>> expected = {{Kind::unreachable, kUnreachable},
                                                      {Kind::timeout, kUnreachable},
                                                      {Kind::bad_input, kUsage},
                                                      {Kind::refused, kFailed}};
  for (const auto& [kind, code] : expected) {
    Box box;
    box.error = api::CallError{kind, "because"};
    const auto outcome = box.run({"status"});
    BOOST_TEST(outcome.code == code);
    BOOST_TEST(outcome.err == "usherctl: because\n");
    BOOST_TEST(outcome.out == "");
  }
  Box away;
  away.unreachable = api::CallError{Kind::unreachable, "no agent"};
  for (const auto& words : kAgentCommands) {
    BOOST_TEST(away.run(words).code == kUnreachable, named(words));
  }
}

BOOST_AUTO_TEST_CASE(without_an_agent_it_says_what_to_do) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  const std::array<const char*, 4> words{"usherctl", "status", "--socket", "/nowhere/admin.sock"};
  BOOST_TEST(ctl::run(words.size(), words.data(), {.out = out, .err = err, .in = in}, {}) ==
             kUnreachable);
  BOOST_TEST(err.str().find("/nowhere/admin.sock does not exist; start usherd") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(bad_command_lines_are_usage_errors_and_ask_nobody) {
  for (const Words& words : {Words{},
                             {"dance"},
                             {"status", "--loud"},
                             {"explain", "x"},
                             {"explain", "x", "walk", "/a"},
                             {"mode", "off"},
                             {"policies"},
                             {"policies", "check"},
                             {"policies", "check", "/nowhere"},
                             {"events", "--history", "many"},
                             {"status", "--timeout", "0"}}) {
    Box box;
    const auto outcome = box.run(words);
    BOOST_TEST(outcome.code == kUsage, named(words));
    BOOST_TEST(outcome.err != "", named(words));
    BOOST_TEST(box.asked.empty(), named(words));
  }
}

BOOST_AUTO_TEST_CASE(every_command_has_help_with_an_example) {
  for (const Words& words : {Words{},
                             {"status"},
                             {"workloads"},
                             {"adapters"},
                             {"policies"},
                             {"policies", "list"},
                             {"policies", "check"},
                             {"explain"},
                             {"events"},
                             {"mode"},
                             {"release"},
                             {"reload"},
                             {"doctor"}}) {
    Box box;
    auto asking = words;
    asking.emplace_back("--help");
    const auto outcome = box.run(asking);
    BOOST_TEST(outcome.code == kOk, named(words));
    BOOST_TEST(outcome.out.find("Example: usherctl") != std::string::npos, named(words));
  }
}

BOOST_AUTO_TEST_CASE(release_asks_first) {
  Box box;
  BOOST_TEST(box.run({"release", "payments/api"}).code == kUsage);  // nobody to ask
  BOOST_TEST(box.asked.empty());
  box.interactive = true;
  for (const char* no : {"n\n", "\n", ""}) {
    box.typed = no;
    BOOST_TEST(box.run({"release", "payments/api"}).code == kFailed);
    BOOST_TEST(box.asked.empty());
  }
  box.typed = "y\n";
  BOOST_TEST(box.run({"release", "payments/api"}).code == kOk);
  BOOST_TEST(box.asked == Words{"release payments/api"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_reload_with_errors_fails_and_shows_them) {
  Box box;
  const auto outcome = box.run({"reload"});
  BOOST_TEST(outcome.code == kFailed);
  BOOST_TEST(outcome.err.find("\\x1b") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(colour_is_for_terminals_only) {
  Box box;
  BOOST_TEST(box.run({"status"}).out.find('\x1b') == std::string::npos);
  box.colour = true;
  BOOST_TEST(box.run({"status"}).out.find("\x1b[32menforce") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(explain_passes_on_what_was_asked) {
  Box box;
  const auto outcome =
      box.run({"explain", "payments/api", "connect", "10.0.0.1:443", "--protocol", "tcp"});
  BOOST_TEST(outcome.code == kOk);
  BOOST_TEST(box.asked == Words{"explain payments/api connect 10.0.0.1:443 tcp"},
             boost::test_tools::per_element());
  BOOST_TEST(outcome.out.find("deny connect 10.0.0.1:443: policy lockdown, rule no-shells") == 0U);
}

BOOST_AUTO_TEST_CASE(columns_line_up_under_wide_and_accented_cells) {
  std::ostringstream out;
  std::istringstream in;
  Table table({"A", "B"});
  table.add({"é", "x"});
  table.add({"long", "y"});
  table.print({.out = out, .err = out, .in = in});
  BOOST_TEST(out.str() == "A     B\né     x\nlong  y\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::ctl::test
