#include "kata/memory.hpp"

#include <boost/test/unit_test.hpp>

#include "scratch.hpp"

namespace usher::kata {
namespace {

struct Fixture {
  usher::test::Scratch scratch;
  Memory memory{scratch.path() / "kata"};
};

BOOST_FIXTURE_TEST_SUITE(memory, Fixture)

BOOST_AUTO_TEST_CASE(keeps_what_it_is_given) {
  Remembered what{.token = std::string("\0\1\xff", 3) + std::string(29, 't'),
                  .backend = "lsm",
                  .enforces = 31,
                  .claimed = false,
                  .granted = {"app", std::string("\n\0", 2)}};
  BOOST_REQUIRE(memory.keep("s", what));
  BOOST_TEST((memory.of("s") == what));
  what = {.claimed = true, .granted = what.granted};
  BOOST_REQUIRE(memory.keep("s", what));
  BOOST_TEST((memory.of("s") == what));
  memory.forget("s");
  BOOST_TEST((memory.of("s") == Remembered{}));
}

BOOST_AUTO_TEST_CASE(needs_no_directory_that_is_there) {
  const Memory deep{scratch.path() / "not/there/kata"};
  BOOST_REQUIRE(deep.keep("s", {.claimed = true}));
  BOOST_TEST(deep.of("s").claimed);
  const Memory behind{scratch.path() / "not/there/kata/s/kata"};
  const auto kept = behind.keep("s", {.claimed = true});
  BOOST_REQUIRE(!kept);
  BOOST_TEST(kept.error().message.find("set run_dir") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(that_cannot_be_read_opens_no_session) {
  for (const char* text :
       {"", "something else", "usher-guest 1\nsession 00\n", "usher-guest 1\nkernel lsm\n",
        "usher-guest 1\nkernel lsm 1 2\n", "usher-guest 1\nkernel other 1\n", "usher-guest 1\nx\n",
        "usher-guest 1\nsession zz\n"}) {
    scratch.write("kata/s", text);
    BOOST_TEST(memory.of("s").claimed, text);
    BOOST_TEST(memory.of("s").token == "", text);
  }
}

BOOST_AUTO_TEST_CASE(tokens_differ_and_are_told_apart) {
  const auto one = new_token();
  const auto other = new_token();
  BOOST_REQUIRE((one && other));
  BOOST_TEST(one->size() == 32U);
  BOOST_TEST(same_secret(*one, *one));
  BOOST_TEST(!same_secret(*one, *other));
  BOOST_TEST(!same_secret(*one, one->substr(1)));
  BOOST_TEST(!same_secret("", *one));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata
