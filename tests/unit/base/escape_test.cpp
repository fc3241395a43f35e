#include <boost/test/unit_test.hpp>

#include "base/escape.hpp"

using usher::escape;
using usher::unescape;

BOOST_AUTO_TEST_CASE(plain_text_and_utf8_stay_as_they_are) {
  BOOST_TEST(escape("/usr/bin/sh") == "/usr/bin/sh");
  BOOST_TEST(escape("/h\xc3\xa9") == "/h\xc3\xa9");
}

BOOST_AUTO_TEST_CASE(bytes_that_could_harm_a_terminal_or_a_log_are_shown_in_hex) {
  BOOST_TEST(escape("a\x1b[2J\n") == "a\\x1b[2J\\x0a");
  BOOST_TEST(escape("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
  BOOST_TEST(escape("\xff\xc0\xaf") == "\\xff\\xc0\\xaf");
  BOOST_TEST(escape("\\") == "\\x5c");
}

BOOST_AUTO_TEST_CASE(every_byte_survives_escape_and_unescape) {
  std::string all;
  for (int i = 0; i < 256; ++i) {
    all += static_cast<char>(i);
  }
  BOOST_TEST(unescape(escape(all)).value() == all);
}

BOOST_AUTO_TEST_CASE(a_backslash_that_begins_nothing_is_an_error) {
  BOOST_TEST(!unescape("\\q").has_value());
  BOOST_TEST(!unescape("\\x4").has_value());
  BOOST_TEST(!unescape("a\\").has_value());
  BOOST_TEST(unescape("\\\\").value() == "\\");
}
