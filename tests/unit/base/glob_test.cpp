#include "base/glob.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using usher::glob_matches;

BOOST_AUTO_TEST_CASE(globs_know_star_and_question_mark) {
  BOOST_TEST(glob_matches("pay-*", "pay-eu"));
  BOOST_TEST(glob_matches("pay-*", "pay-"));
  BOOST_TEST(!glob_matches("pay-*", "pay"));
  BOOST_TEST(!glob_matches("pay", "payments"));
  BOOST_TEST(glob_matches("*a*b*", "xxaxbxabx"));
  BOOST_TEST(glob_matches("*a*b?", "xxaxxbxb!"));
  BOOST_TEST(!glob_matches("*a*b?", "xxaxxb"));
  BOOST_TEST(glob_matches("*ab", "aab"));
  BOOST_TEST(!glob_matches("*ab", "aba"));
  BOOST_TEST(glob_matches("a?c", "abc"));
  BOOST_TEST(!glob_matches("a?c", "ac"));
  BOOST_TEST(!glob_matches("[a]", "a"));
}

BOOST_AUTO_TEST_CASE(a_star_covers_slashes) {
  BOOST_TEST(glob_matches("r/*/x", "r/a/b/x"));
  BOOST_TEST(glob_matches("registry.example/*", "registry.example/a/b:1"));
}

BOOST_AUTO_TEST_CASE(nothing_is_matched_by_nothing_and_by_stars) {
  BOOST_TEST(glob_matches("", ""));
  BOOST_TEST(glob_matches("*", ""));
  BOOST_TEST(glob_matches("**", ""));
  BOOST_TEST(!glob_matches("?", ""));
  BOOST_TEST(!glob_matches("", "a"));
}

BOOST_AUTO_TEST_CASE(a_glob_made_to_backtrack_ends_soon) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) {
    pattern += "*a";
  }
  BOOST_TEST(!glob_matches(pattern + "b", std::string(5000, 'a')));
}
