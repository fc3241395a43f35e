#include "base/lock_file.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "base/file.hpp"
#include "scratch.hpp"

using usher::hold_lock_file;

BOOST_AUTO_TEST_CASE(a_lock_that_is_held_is_refused_and_its_holder_named) {
  const usher::test::Scratch scratch;
  const auto path = scratch.path() / "lock";
  const auto first = hold_lock_file(path, "another agent", "runs: stop it");
  BOOST_REQUIRE(first.has_value());
  const auto pid = std::to_string(::getpid());
  BOOST_TEST(usher::read_file(path).value() == pid + "\n");
  const auto second = hold_lock_file(path, "another agent", "runs: stop it");
  BOOST_REQUIRE(!second.has_value());
  BOOST_TEST(second.error().code == EWOULDBLOCK);
  BOOST_TEST(second.error().message ==
             "cannot lock " + path.native() + ": another agent (pid " + pid + ") runs: stop it");
}

BOOST_AUTO_TEST_CASE(a_lock_that_was_let_go_is_taken_and_its_file_stays) {
  const usher::test::Scratch scratch;
  const auto path = scratch.write("lock", "1234567 of a longer line\n");
  BOOST_TEST(hold_lock_file(path, "x", "y").has_value());
  BOOST_TEST(hold_lock_file(path, "x", "y").has_value());
  BOOST_TEST(usher::read_file(path).value() == std::to_string(::getpid()) + "\n");
}

BOOST_AUTO_TEST_CASE(a_link_is_not_followed) {
  const usher::test::Scratch scratch;
  std::filesystem::create_symlink(scratch.path() / "elsewhere", scratch.path() / "lock");
  BOOST_TEST(!hold_lock_file(scratch.path() / "lock", "x", "y").has_value());
  BOOST_TEST(!std::filesystem::exists(scratch.path() / "elsewhere"));
}
