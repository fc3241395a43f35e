#include <sys/stat.h>

#include "kernel_fixture.hpp"

using namespace usher::enforce;           // NOLINT
using namespace usher::enforce::testing;  // NOLINT
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(open, *boost::unit_test::precondition(kernel_takes_bpf))

BOOST_FIXTURE_TEST_CASE(everything_is_pinned_below_a_private_directory, KernelFixture) {
  open();
  struct stat info{};
  BOOST_REQUIRE(::stat(pins().c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 0777) == 0700U);
  BOOST_TEST(fs::exists(pins() / "v1" / "maps" / "tasks"));
  BOOST_TEST(fs::exists(pins() / "v1" / "maps" / "workloads"));
  BOOST_TEST(!fs::is_empty(pins() / "v1" / "links" / "1"));
  BOOST_TEST(!enforcer().adopted());
}

BOOST_FIXTURE_TEST_CASE(a_second_enforcer_on_the_same_pins_is_refused, KernelFixture) {
  open();
  const auto second = Enforcer::open(options());
  BOOST_REQUIRE(!second.has_value());
  BOOST_TEST(second.error().message.find("another usherd") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(pins_outside_a_bpf_file_system_are_an_error_that_says_how, KernelFixture) {
  Options wrong = options();
  wrong.pins = "/tmp/usher-no-bpffs";
  const auto opened = Enforcer::open(wrong);
  BOOST_REQUIRE(!opened.has_value());
  BOOST_TEST(opened.error().message.find("mount -t bpf") != std::string::npos);
  BOOST_TEST(!fs::exists(wrong.pins));
}

BOOST_FIXTURE_TEST_CASE(an_unknown_backend_is_an_error, KernelFixture) {
  Options wrong = options();
  wrong.backend = "magic";
  const auto opened = Enforcer::open(wrong);
  BOOST_REQUIRE(!opened.has_value());
  BOOST_TEST(opened.error().message.find("magic") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(teardown_leaves_nothing, KernelFixture) {
  open();
  close();
  BOOST_REQUIRE(Enforcer::teardown(pins()).has_value());
  BOOST_TEST(!fs::exists(pins()));
  BOOST_TEST(Enforcer::teardown(pins()).has_value());
}

BOOST_FIXTURE_TEST_CASE(teardown_leaves_alone_what_is_not_ours, KernelFixture) {
  open();
  close();
  fs::create_directory(pins() / "somebody-elses");
  BOOST_TEST(!Enforcer::teardown(pins()).has_value());
  BOOST_TEST(fs::exists(pins() / "somebody-elses"));
  BOOST_TEST(!fs::exists(pins() / "v1"));
  fs::remove(pins() / "somebody-elses");
}

BOOST_FIXTURE_TEST_CASE(the_nodes_audit_mode_is_kept_in_the_kernel, KernelFixture) {
  open();
  BOOST_TEST(!enforcer().audit());
  BOOST_REQUIRE(enforcer().set_audit(true).has_value());
  close();
  open();
  BOOST_TEST(enforcer().audit());
  BOOST_REQUIRE(enforcer().set_audit(false).has_value());
  BOOST_TEST(!enforcer().audit());
}

BOOST_AUTO_TEST_SUITE_END()
