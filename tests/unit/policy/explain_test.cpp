#include "policy/explain.hpp"

#include <boost/test/unit_test.hpp>

#include "brute_force.hpp"
#include "parsed.hpp"
#include "policy/check.hpp"

using namespace usher;
using namespace usher::test;

namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) {
    out += line + "\n";
  }
  return out;
}

std::string explained(const policy::RuleSet& rules, const policy::Query& query,
                      const std::vector<std::string>& degraded = {}) {
  RuleTable table;
  const usher_key key = {1, 3, 5, 7};
  const auto image = policy::compile(rules, {key, 0, policy::lsm_capabilities()}, table.ids());
  const auto verdict = policy::evaluate(image->header, image->cells, key, query);
  return joined(policy::explain(rules, degraded, query, verdict, table.name(verdict.rule)));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string warnings_of(const std::string& text) {
  std::string out;
  for (const auto& w : policy::check_policy(*parsed(text))) {
    out += w.text() + "\n";
  }
  return out;
}

const std::string kNoShells =
    "[[rule]]\nname = \"no-shells\"\non = \"exec\"\npaths = [\"/bin/sh\"]\naction = \"deny\"\n";

}  // namespace

BOOST_AUTO_TEST_CASE(an_explanation_names_the_rule_where_it_is_written_and_how_it_was_met) {
  const policy::RuleSet rules{{parsed_rules(kNoShells)}};
  const auto plain = explained(rules, {.path = "/bin/sh"});
  BOOST_TEST(contains(plain, "policy p, rule no-shells (p.toml:5) decided: its action is deny\n"));
  BOOST_TEST(contains(plain, "policy p applies, enforced; 1 rule on exec\n"));
  BOOST_TEST(contains(plain,
                      "a deny-list of programs yields to copies and interpreters; "
                      "an allow-list does not"));
  BOOST_TEST(contains(explained(rules, {.path = "/bin/busybox", .requested = "/bin/sh"}),
                      "holds at the name that was asked for"));
  BOOST_TEST(contains(explained(rules, {.path = "/bin/id"}), "no rule denies it"));
  BOOST_TEST(contains(explained(rules, {.unknown = true}), "cannot be named"));
  BOOST_TEST(contains(explained(rules, {.anonymous = true}), "memfd"));
  BOOST_TEST(contains(explained({}, {.path = "/bin/sh"}), "no policy applies"));
}

BOOST_AUTO_TEST_CASE(an_explanation_says_what_is_only_audited_and_what_a_default_denies) {
  const auto audit = parsed_rules("[defaults]\nexec = \"deny\"\n", "mode = \"audit\"\n");
  const auto ceiling = parsed_rules("[defaults]\nexec = \"deny\"\n", "ceiling = true\n");
  BOOST_TEST(contains(explained({{audit}}, {.path = "/x"}),
                      "applies, audited only: mode = \"audit\"; 0 rules on exec, exec denied by "
                      "default"));
  BOOST_TEST(contains(explained({{ceiling}}, {.path = "/x"}), "only its own allow rules count"));
  BOOST_TEST(contains(explained({{ceiling}}, {.path = "/x"}, {"p"}), "degrade = true"));
  BOOST_TEST(!contains(explained({{ceiling}}, {.path = "/x"}), "deny-list"));
}

BOOST_AUTO_TEST_CASE(a_question_without_a_program_is_told_that_from_was_left_out) {
  const policy::RuleSet rules{{parsed_rules(kNoShells + "from = [\"/opt/\"]\n")}};
  BOOST_TEST(contains(explained(rules, {.path = "/bin/sh"}), "rules with from were left out"));
  BOOST_TEST(!contains(explained(rules, {.path = "/bin/sh", .program = "/opt/x"}), "left out"));
}

BOOST_AUTO_TEST_CASE(selectors_that_an_author_can_opt_out_of_are_warned_of) {
  const auto with = [](const std::string& select, const std::string& head = "") {
    return warnings_of("[policy]\nname = \"p\"\n" + head + "[select]\n" + select +
                       "\n[defaults]\nexec = \"deny\"\n");
  };
  BOOST_TEST(with("namespaces = [\"a\"]") == "");
  BOOST_TEST(with("all = true") == "");
  BOOST_TEST(contains(with("pod_labels = { a = \"b\" }"), "author chooses: pod_labels;"));
  BOOST_TEST(contains(with("images = [\"a*\"]\ncontainers = [\"c\"]"), "containers, images"));
  BOOST_TEST(contains(with("pod_expressions = [{ key = \"k\", operator = \"DoesNotExist\" }]"),
                      "a label added by the author is enough"));
  BOOST_TEST(with("images = [\"a*\"]", "mode = \"audit\"\n") == "");
}

BOOST_AUTO_TEST_CASE(deny_lists_of_programs_are_warned_of) {
  BOOST_TEST(contains(warnings_of(everywhere(kNoShells)), "p.toml:5:1: warning: rule no-shells"));
  BOOST_TEST(warnings_of(everywhere("[defaults]\nexec = \"deny\"\n" + kNoShells)) == "");
}

BOOST_AUTO_TEST_CASE(a_namespace_that_could_overflow_is_warned_of_before_it_does) {
  const auto with = [](const std::string& name, std::vector<std::string> namespaces, int rules) {
    auto p = std::make_shared<policy::Policy>();
    p->name = name;
    p->select.namespaces = std::move(namespaces);
    p->rules.resize(static_cast<std::size_t>(rules));
    return p;
  };
  const auto a = with("a", {"pay"}, 300);
  BOOST_TEST(policy::check_set({{a, with("b", {"web"}, 300)}}).empty());
  BOOST_TEST(policy::check_set({{a, with("b", {"p*"}, 109)}}).empty());
  for (const auto& globs : {std::vector<std::string>{"p*"}, {}, {"x", "pay"}}) {
    const auto said = policy::check_set({{a, with("b", globs, 110)}});
    BOOST_REQUIRE(said.size() == 1);
    BOOST_TEST(contains(said[0].text(), "namespace pay up to 410 rules on exec"));
    BOOST_TEST(contains(said[0].text(), "a (300), b (110)"));
    BOOST_TEST(said[0].warning);
  }
}
