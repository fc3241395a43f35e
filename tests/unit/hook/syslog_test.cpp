#include "hook/syslog.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/fd.hpp"

using usher::hook::write_syslog;

namespace {

// Stands for the system's log: a datagram socket that nobody empties until asked.
struct Log {
  Log() {
    std::string name = "/tmp/usher-syslog-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory + "/log";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    BOOST_REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
                  0);
  }
  ~Log() { std::filesystem::remove_all(directory); }

  std::string next() const {
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

  usher::Fd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::string directory;
  std::string path;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_line_carries_its_severity_and_its_writer) {
  const Log log;
  write_syslog(log.path, true, "not started");
  const auto error = log.next();
  BOOST_TEST(error.starts_with("<27>usher-hook["));
  BOOST_TEST(error.ends_with("]: not started"));
  write_syslog(log.path, false, "started");
  BOOST_TEST(log.next().starts_with("<28>usher-hook["));
}

BOOST_AUTO_TEST_CASE(a_missing_or_full_log_holds_nobody_up) {
  write_syslog("/nowhere/log", true, "x");
  const Log log;
  for (int i = 0; i < 5000; ++i) {
    write_syslog(log.path, true, "x");
  }
  BOOST_TEST(log.next().ends_with("]: x"));
}
