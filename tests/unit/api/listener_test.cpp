#include "api/listener.hpp"

#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>

#include "agent_double.hpp"

namespace usher::api::test {
namespace {

// A bound, listening socket without Usher's lock: what another program would have there.
Fd plain_listener(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  BOOST_REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
                0);
  BOOST_REQUIRE(::listen(fd.get(), 1) == 0);
  return fd;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(listener)

BOOST_AUTO_TEST_CASE(a_second_owner_is_refused_and_the_first_named) {
  const TemporaryDirectory directory;
  const auto path = directory / "hook.sock";
  const auto first = Listener::open(path);
  BOOST_REQUIRE(first);
  const auto second = Listener::open(path);
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().message.find("pid " + std::to_string(::getpid())) != std::string::npos);
  BOOST_TEST(second.error().message.find(path.native()) != std::string::npos);
  BOOST_TEST(std::filesystem::is_socket(path));  // the refused one took nothing away
}

BOOST_AUTO_TEST_CASE(the_socket_of_an_agent_that_was_killed_is_taken_over) {
  const TemporaryDirectory directory;
  const auto path = directory / "hook.sock";
  int ready[2];
  BOOST_REQUIRE(::pipe(ready) == 0);
  const pid_t agent = ::fork();
  if (agent == 0) {
    const auto held = Listener::open(path);
    const char ok = held ? 'y' : 'n';
    (void)!::write(ready[1], &ok, 1);
    while (true) {
      ::pause();
    }
  }
  char ok = 0;
  BOOST_REQUIRE(::read(ready[0], &ok, 1) == 1);
  BOOST_REQUIRE(ok == 'y');
  BOOST_TEST(!Listener::open(path));
  ::kill(agent, SIGKILL);
  ::waitpid(agent, nullptr, 0);
  BOOST_TEST(std::filesystem::is_socket(path));
  BOOST_TEST(Listener::open(path).has_value());
  ::close(ready[0]);
  ::close(ready[1]);
}

BOOST_AUTO_TEST_CASE(a_socket_that_another_program_serves_is_left_alone) {
  const TemporaryDirectory directory;
  const auto path = directory / "hook.sock";
  const Fd other = plain_listener(path);
  const auto refused = Listener::open(path);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("another program listens") != std::string::npos);
  BOOST_TEST(std::filesystem::is_socket(path));
}

BOOST_AUTO_TEST_CASE(a_file_in_the_way_is_left_alone) {
  const TemporaryDirectory directory;
  const auto path = directory / "hook.sock";
  std::ofstream(path) << "precious";
  const auto refused = Listener::open(path);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("not a socket") != std::string::npos);
  BOOST_TEST(std::filesystem::is_regular_file(path));
}

BOOST_AUTO_TEST_CASE(a_path_that_no_socket_can_have_is_an_error) {
  BOOST_TEST(!Listener::open("/tmp/" + std::string(120, 'x')));
  BOOST_TEST(!Listener::open(""));
}

BOOST_AUTO_TEST_CASE(a_socket_that_was_replaced_is_not_removed) {
  const TemporaryDirectory directory;
  const auto path = directory / "hook.sock";
  {
    const auto held = Listener::open(path);
    BOOST_REQUIRE(held);
    std::filesystem::remove(path);
    std::ofstream(path) << "somebody else's";
  }
  BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_name_that_was_removed_is_made_anew_with_directory_and_lock) {
  const TemporaryDirectory directory;
  const auto path = directory / "run/hook.sock";
  auto held = Listener::open(path);
  BOOST_REQUIRE(held);
  BOOST_TEST(!held->is_lost());
  std::filesystem::remove(path);
  BOOST_TEST(held->is_lost());
  BOOST_TEST(held->renew().has_value());  // the lock is still its own
  BOOST_TEST(!held->is_lost());
  std::filesystem::remove_all(path.parent_path());
  BOOST_TEST(held->renew().has_value());
  BOOST_TEST(!held->is_lost());
  BOOST_TEST(!Listener::open(path));  // locked as before
}

BOOST_AUTO_TEST_CASE(a_name_that_another_has_taken_is_left_to_it) {
  const TemporaryDirectory directory;
  const auto path = directory / "run/hook.sock";
  auto held = Listener::open(path);
  BOOST_REQUIRE(held);
  const int before = held->get();
  std::filesystem::remove_all(path.parent_path());
  const auto other = Listener::open(path);
  BOOST_REQUIRE(other);
  BOOST_TEST(held->is_lost());
  BOOST_TEST(!held->renew());
  BOOST_TEST(!other->is_lost());
  BOOST_TEST(held->get() == before);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::api::test
