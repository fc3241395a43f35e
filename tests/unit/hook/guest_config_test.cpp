#include "hook/guest_config.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace usher::hook;
using std::chrono::milliseconds;

namespace {

std::string error_of(const std::string& text) {
  const auto config = parse_guest_config(text);
  return config ? "" : config.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(guest_config)

BOOST_AUTO_TEST_CASE(a_relay_alone_is_enough) {
  const auto config = parse_guest_config("relay = vsock:4041\n").value();
  BOOST_TEST(config.relay_port == 4041U);
  BOOST_TEST(config.relay_path.empty());
  BOOST_TEST(config.agent.empty());
  BOOST_TEST(config.deadline.count() == 1500);
  BOOST_TEST(!config.fail_open);
}

BOOST_AUTO_TEST_CASE(everything_can_be_said) {
  const auto config = parse_guest_config(
                          "# whom to ask\n\n  agent=/run/usher/hook.sock\r\n"
                          "relay = unix:/run/r = 1\n\tdeadline = 2000ms \nfail = open")
                          .value();
  BOOST_TEST(config.agent == "/run/usher/hook.sock");
  BOOST_TEST(config.relay_path == "/run/r = 1");
  BOOST_TEST(config.deadline.count() == 2000);
  BOOST_TEST(config.fail_open);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_with_its_line) {
  const std::string relay = "relay = vsock:1\n";
  BOOST_TEST(error_of("") != "");
  BOOST_TEST(error_of("# nothing\nfail = closed\n") ==
             "it names nobody to ask: say relay = vsock:PORT, or agent = /PATH");
  BOOST_TEST(error_of(relay + "realy = vsock:1").starts_with("line 2: unknown key \"realy\""));
  BOOST_TEST(error_of(relay + relay) == "line 2: relay is given twice");
  BOOST_TEST(error_of("relay\n") == "line 1: it must have the form KEY = VALUE");
  BOOST_TEST(error_of("Relay = vsock:1").starts_with("line 1: unknown key"));
  for (const std::string value :
       {"", "vsock:", "vsock:0", "vsock:-1", "vsock:1x", "vsock:4294967295", "vsock:4294967296",
        "vsock: 1", "unix:", "unix:relative", "tcp:1", "1"}) {
    BOOST_TEST(error_of("relay = " + value) == "line 1: relay must be vsock:PORT or unix:/PATH",
               value);
  }
  BOOST_TEST(error_of("relay = unix:/" + std::string(107, 'x')) != "");
  BOOST_TEST(error_of("relay = unix:/" + std::string(106, 'x')) == "");
  BOOST_TEST(error_of("agent = hook.sock").starts_with("line 1: agent must be"));
  BOOST_TEST(error_of(std::string("agent = /a\0b", 12)).starts_with("line 1: agent must be"));
  for (const std::string value : {"", "0ms", "399ms", "2001ms", "1500", "1.5s", "-1ms", "ms"}) {
    BOOST_TEST(
        error_of(relay + "deadline = " + value) == "line 2: deadline must be from 400ms to 2000ms",
        value);
  }
  BOOST_TEST(error_of(relay + "fail = Open") == "line 2: fail must be closed or open");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_missing_or_too_long_is_an_error) {
  const auto missing = read_guest_config("/nonexistent/usher-hook.conf");
  BOOST_REQUIRE(!missing.has_value());
  BOOST_TEST(missing.error().message.find("/nonexistent/usher-hook.conf") != std::string::npos);
  BOOST_TEST(!read_guest_config("/proc/self/exe").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
