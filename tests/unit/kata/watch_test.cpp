// Sockets come and go with Kata's directories.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <ctime>

#include "relay_fixture.hpp"

namespace usher::kata::test {
namespace {

struct Fixture : RelayFixture {
  std::string a = id('a');
};

BOOST_FIXTURE_TEST_SUITE(sockets, Fixture)

BOOST_AUTO_TEST_CASE(are_there_as_soon_as_the_directory) {
  start();
  listen_for(a);
  BOOST_TEST(relay->listening() == 1U);
}

BOOST_AUTO_TEST_CASE(are_made_in_directories_that_were_there) {
  make_sandbox(a);
  start();
  BOOST_TEST(fs::exists(socket_of(a)));
}

BOOST_AUTO_TEST_CASE(are_made_where_the_base_comes_later) {
  fs::remove(base);
  options.places = {*Place::parse((base / "deep/er/{sandbox}/v.sock").string()),
                    *Place::parse((base / "deep/other/{sandbox}/v.sock").string())};
  start();
  fs::create_directories(base / "deep/er" / a);
  until([&] { return fs::exists(base / "deep/er" / a / "v.sock_4051"); });
  fs::create_directories(base / "deep/other" / id('b'));
  until([&] { return fs::exists(base / "deep/other" / id('b') / "v.sock_4051"); });
  fs::remove_all(base / "deep");
  until([&] { return relay->listening() == 0; });
  fs::create_directories(base / "deep/er" / a);
  until([&] { return fs::exists(base / "deep/er" / a / "v.sock_4051"); });
}

BOOST_AUTO_TEST_CASE(are_made_in_a_directory_inside_when_it_comes) {
  options.places = {*Place::parse((base / "{sandbox}/root/v.sock").string())};
  start();
  make_sandbox(a);
  until([&] { return relay->sandboxes() == 1; });
  fs::create_directory(base / a / "root");
  until([&] { return fs::exists(base / a / "root/v.sock_4051"); });
}

BOOST_AUTO_TEST_CASE(go_with_the_relay_and_nothing_else_does) {
  start();
  listen_for(a);
  scratch.write("k/" + a + "/v.sock", "the monitor's");
  relay.reset();
  BOOST_TEST(!fs::exists(socket_of(a)));
  BOOST_TEST(fs::exists(base / a / "v.sock"));
}

BOOST_AUTO_TEST_CASE(are_not_made_again_while_the_directory_is_taken_away) {
  start();
  listen_for(a);
  fs::remove(socket_of(a));
  host.run_ready();
  BOOST_TEST(!fs::exists(socket_of(a)));
  BOOST_TEST(fs::remove(base / a));
  until([&] { return relay->sandboxes() == 0; });
}

BOOST_AUTO_TEST_CASE(are_made_again_for_a_container_that_is_about_to_start) {
  start();
  listen_for(a);
  fs::remove(socket_of(a));
  creates(a, "app");
  BOOST_TEST(fs::exists(socket_of(a)));
  BOOST_TEST(ask(a, claim_of("app")).word() == v1::Verdict::WORD_GO);
}

// Whoever runs the virtual machine's monitor may write in its directory, faster than somebody
// looks.
BOOST_AUTO_TEST_CASE(cost_one_look_for_many_changes_in_a_directory) {
  start();
  listen_for(a);
  host.run_ready();
  for (int i = 0; i < 16000; ++i) {
    const auto file = base / a / std::to_string(i);
    const Fd made(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    BOOST_REQUIRE(::unlink(file.c_str()) == 0);
  }
  const auto begun = std::clock();
  host.run_ready();
  const double seconds = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
  BOOST_TEST(seconds < 0.04);
  fs::remove(socket_of(a));
  scratch.write("k/" + a + "/last", "");
  until([&] { return fs::exists(socket_of(a)); });
}

// Every descriptor is in use, until this goes.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const Fd free(::dup(STDERR_FILENO));
    const rlimit none{static_cast<rlim_t>(free.get()), before_.rlim_max};
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

BOOST_AUTO_TEST_CASE(are_heard_again_when_there_are_descriptors_without_asking_all_the_time) {
  start();
  listen_for(a);
  creates(a, "app");
  host.run_ready();
  Caller caller = call(a);
  {
    const NoDescriptors none;
    BOOST_TEST(host.run_at_most(1000) < 1000U);
    until([&] { return host.has_warned("guest-socket"); });
    BOOST_TEST(host.warned.back().message.find("LimitNOFILE") != std::string::npos);
  }
  BOOST_REQUIRE(caller.say(claim_of("app")));
  BOOST_TEST(next(caller).verdict().word() == v1::Verdict::WORD_GO);
}

BOOST_AUTO_TEST_CASE(are_not_made_behind_a_link_and_that_is_told) {
  start();
  fs::create_directory(scratch.path() / "elsewhere");
  fs::create_directory_symlink(scratch.path() / "elsewhere", base / a);
  listen_for(id('b'));
  BOOST_TEST(fs::is_empty(scratch.path() / "elsewhere"));
  BOOST_TEST(relay->listening() == 1U);
}

BOOST_AUTO_TEST_CASE(are_not_made_over_what_is_somebody_elses_and_that_is_told) {
  make_sandbox(a);
  scratch.write("k/" + a + "/v.sock_4051", "mine");
  start();
  BOOST_TEST(relay->listening() == 0U);
  BOOST_TEST(host.has_warned("guest-socket"));
  BOOST_TEST(fs::is_regular_file(socket_of(a)));
}

BOOST_AUTO_TEST_CASE(whose_directory_has_a_part_of_the_id_are_the_sandboxs_that_is_told) {
  options.places = {*Place::parse((base / "{sandbox:32}/v.sock").string())};
  start();
  const std::string part = a.substr(0, 32);
  listen_for(part);
  put_process(::getpid(), "/kubepods/podx/" + a);
  Caller caller(socket_of(part));
  caller.say(claim_of("app"));
  until([&] { return relay->sandboxes() == 1; });
  creates(a, "app");
  BOOST_TEST(next(caller).verdict().word() == v1::Verdict::WORD_GO);
  BOOST_TEST(host.claimed.back().sandbox == a);
}

BOOST_AUTO_TEST_CASE(whose_sandbox_was_told_before_its_directory_are_one_guests) {
  options.places = {*Place::parse((base / "{sandbox:32}/v.sock").string()),
                    *Place::parse((scratch.path() / "v/{sandbox}/v.sock").string())};
  fs::create_directory(scratch.path() / "v");
  fs::permissions(scratch.path() / "v", fs::perms::owner_all);
  start();
  creates(a, "app");
  const std::string part = a.substr(0, 32);
  listen_for(part);
  fs::create_directory(scratch.path() / "v" / a);
  until([&] { return relay->listening() == 2; });
  BOOST_TEST(relay->sandboxes() == 1U);
  put_process(::getpid(), "/kubepods/podx/" + a);
  Caller caller(socket_of(part));
  caller.say(claim_of("app"));
  BOOST_TEST(next(caller).verdict().word() == v1::Verdict::WORD_GO);
  // Its other way in knows of it.
  Caller other((scratch.path() / "v" / a / "v.sock_4051").string());
  other.say(hello_with());
  ends(other);
  BOOST_TEST(host.has_warned("guest-late-session"));
  fs::remove_all(base / part);
  until([&] { return relay->listening() == 1; });
  BOOST_TEST(relay->sandboxes() == 1U);
}

BOOST_AUTO_TEST_CASE(of_sandboxes_that_went_while_nobody_watched_leave_nothing) {
  const Memory memory(fs::path(options.run_dir) / "kata");
  BOOST_REQUIRE(memory.keep(a, {.claimed = true}));
  BOOST_REQUIRE(memory.keep(id('b'), {.claimed = true}));
  make_sandbox(id('b'));
  start();
  BOOST_TEST(memory.sandboxes() == std::vector<std::string>{id('b')});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata::test
