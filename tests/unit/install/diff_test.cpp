#include "install/diff.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using usher::install::unified_diff;

BOOST_AUTO_TEST_SUITE(diff)

namespace {

std::string numbered(int from, int to, const std::string& other = {}, int at = 0, int and_at = 0) {
  std::string text;
  for (int i = from; i <= to; ++i) {
    text += i == at || i == and_at ? other : "line " + std::to_string(i) + "\n";
  }
  return text;
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(three_lines_around_a_change_are_shown) {
  const auto shown = unified_diff(numbered(1, 20), numbered(1, 20, "new\n", 10), "f");
  BOOST_TEST(shown ==
             "--- f\n+++ f\n@@ -7,7 +7,7 @@\n line 7\n line 8\n line 9\n-line 10\n+new\n"
             " line 11\n line 12\n line 13\n");
}

BOOST_AUTO_TEST_CASE(changes_far_apart_are_two_hunks_and_near_ones_are_one) {
  const auto far = unified_diff(numbered(1, 30), numbered(1, 30, "new\nnew\n", 5, 25), "f");
  BOOST_TEST(has(far, "@@ -2,7 +2,8 @@\n"));
  BOOST_TEST(has(far, "@@ -22,7 +23,8 @@\n"));
  BOOST_TEST(!has(far, "line 15"));
  const auto near = unified_diff(numbered(1, 30), numbered(1, 30, "new\n", 10, 16), "f");
  BOOST_TEST(has(near, "@@ -7,13 +7,13 @@\n"));
}

BOOST_AUTO_TEST_CASE(what_is_added_at_the_end_counts_from_the_line_before) {
  const auto shown = unified_diff(numbered(1, 5), numbered(1, 5) + "new\n", "f");
  BOOST_TEST(shown == "--- f\n+++ f\n@@ -3,3 +3,4 @@\n line 3\n line 4\n line 5\n+new\n");
}

BOOST_AUTO_TEST_CASE(a_secret_near_a_change_is_named_and_not_shown) {
  for (const std::string line :
       {"  password = \"hunter2\"", "Auth = \"hunter2\"", "identitytoken: hunter2",
        "endpoint = [\"https://me:hunter2@registry.example/v2\"]",
        "header = {\"Authorization\" = [\"Basic hunter2\"]}"}) {
    const auto shown = unified_diff(line + "\na = 1\n", line + "\na = 2\n", "f");
    BOOST_TEST_CONTEXT(line) {
      BOOST_TEST(!has(shown, "hunter2"));
      BOOST_TEST(has(shown, " (not shown)\n"));
    }
  }
  const auto shown = unified_diff("password = \"hunter2\"\n", "", "f");
  BOOST_TEST(shown == "--- f\n+++ f\n@@ -1,1 +0,0 @@\n-password = (not shown)\n");
}

BOOST_AUTO_TEST_CASE(an_address_without_a_user_is_shown) {
  const std::string line = "endpoint = [\"https://registry.example/v2@sha256\"]\n";
  BOOST_TEST(has(unified_diff(line + "a\n", line + "b\n", "f"), line));
}

BOOST_AUTO_TEST_SUITE_END()
