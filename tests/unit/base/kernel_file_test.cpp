#include "base/kernel_file.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "base/file.hpp"

using usher::read_kernel_file;

BOOST_AUTO_TEST_CASE(a_mounted_kernel_file_system_is_read_where_it_is) {
  const auto expected = usher::read_file("/proc/sys/kernel/ostype");
  BOOST_REQUIRE(expected.has_value());
  BOOST_TEST(read_kernel_file("no-such-type", "/proc", "sys/kernel/ostype").value() == *expected);
}

BOOST_AUTO_TEST_CASE(one_that_is_mounted_nowhere_is_read_in_a_private_instance) {
  const auto text = read_kernel_file("proc", "/no/such/mount", "sys/kernel/ostype");
  if (!text && text.error().code == EPERM) {
    BOOST_TEST_MESSAGE("SKIPPED: mounting asks for CAP_SYS_ADMIN");
    return;
  }
  BOOST_REQUIRE(text.has_value());
  BOOST_TEST(*text == "Linux\n");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_an_error_that_names_it) {
  const auto text = read_kernel_file("no-such-type", "/no/such/mount", "some/file");
  BOOST_REQUIRE(!text.has_value());
  BOOST_TEST(text.error().message.find("no-such-type") != std::string::npos);
}
