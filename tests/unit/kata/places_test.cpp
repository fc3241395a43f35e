#include "kata/places.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include "kata/uds.hpp"
#include "relay_fixture.hpp"

namespace usher::kata::test {
namespace {

BOOST_AUTO_TEST_SUITE(places)

BOOST_AUTO_TEST_CASE(a_pattern_says_base_inside_and_socket) {
  const auto place = Place::parse("/run/vc/firecracker/{sandbox:32}/root/kata.hvsock");
  BOOST_REQUIRE(place);
  BOOST_TEST(place->base == "/run/vc/firecracker");
  BOOST_TEST(place->inside == std::vector<std::string>{"root"});
  BOOST_TEST(place->socket == "kata.hvsock");
  BOOST_TEST(place->takes(std::string(32, 'a')));
  BOOST_TEST(!place->takes(std::string(33, 'a')));
  BOOST_TEST(place->path("s") == "/run/vc/firecracker/s/root/kata.hvsock");
}

BOOST_AUTO_TEST_CASE(what_is_no_pattern_is_refused) {
  for (const char* pattern :
       {"run/{sandbox}/s", "/run/kata/s", "/{sandbox}/s", "/run/{sandbox}", "/run/{sandbox}/../s",
        "/run//{sandbox}/s", "/run/{sandbox}/*", "/run/{sandbox}/{sandbox}/s", ""}) {
    BOOST_TEST(!Place::parse(pattern), pattern);
  }
}

BOOST_AUTO_TEST_CASE(a_sandboxs_name_is_one_component) {
  for (const char* name : {"", ".", "..", "-a", "a/b", "a b", "a\n"}) {
    BOOST_TEST(!is_sandbox_name(name), name);
  }
  BOOST_TEST(is_sandbox_name("a-b_c.d"));
  BOOST_TEST(!is_sandbox_name(std::string(kMaxSandboxId + 1, 'a')));
}

struct Directories {
  usher::test::Scratch scratch;
  fs::path base = scratch.path() / "k";
  Place place = *Place::parse((base / "{sandbox}/root/v").string());
  uid_t me = ::geteuid();

  Directories() {
    fs::create_directories(base / "s" / "root");
    fs::permissions(base, fs::perms::owner_all);
  }
  int why() const {
    const auto opened = open_place(place, "s", me);
    return opened ? 0 : opened.error().code;
  }
};

BOOST_FIXTURE_TEST_CASE(directories_are_opened_as_far_as_they_are_there, Directories) {
  auto opened = open_place(place, "s", me);
  BOOST_REQUIRE(opened);
  BOOST_TEST(opened->complete);
  BOOST_TEST(opened->owner == me);
  fs::remove(base / "s" / "root");
  opened = open_place(place, "s", me);
  BOOST_REQUIRE(opened);
  BOOST_TEST(!opened->complete);
  BOOST_TEST(opened->directories.size() == 1U);
  fs::remove(base / "s");
  BOOST_TEST(why() == ENOENT);
}

BOOST_FIXTURE_TEST_CASE(links_are_refused, Directories) {
  fs::rename(base / "s", base / "t");
  fs::create_directory_symlink(base / "t", base / "s");
  BOOST_TEST(why() == EPERM);
  fs::remove(base / "s");
  fs::create_directory(base / "s");
  fs::create_directory_symlink(base / "t" / "root", base / "s" / "root");
  BOOST_TEST(why() == EPERM);
}

BOOST_FIXTURE_TEST_CASE(directories_that_others_can_change_are_refused, Directories) {
  fs::permissions(base / "s" / "root", fs::perms::others_write, fs::perm_options::add);
  BOOST_TEST(why() == EPERM);
  fs::permissions(base / "s" / "root", fs::perms::others_write, fs::perm_options::remove);
  fs::permissions(base, fs::perms::group_write, fs::perm_options::add);
  BOOST_TEST(why() == EPERM);
}

BOOST_FIXTURE_TEST_CASE(directories_of_strangers_are_refused, Directories) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: needs root to give directories away");
    return;
  }
  const auto give = [&](const fs::path& what, uid_t to) {
    BOOST_REQUIRE(::lchown(what.c_str(), to, to) == 0);
  };
  give(base / "s" / "root", 1234);  // the monitor's user
  BOOST_TEST(why() == 0);
  BOOST_TEST(open_place(place, "s", me)->owner == 1234U);
  give(base / "s", 4321);
  BOOST_TEST(why() == EPERM);
  give(base, 1234);
  give(base / "s", 1234);
  BOOST_TEST(why() == EPERM);
}

BOOST_FIXTURE_TEST_CASE(a_socket_is_its_owners_alone, Directories) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: needs root to give sockets away");
    return;
  }
  const auto opened = open_place(place, "s", me);
  const int directory = opened->directories.back().get();
  const auto uds = Uds::make(directory, "v_1", 1234, me);
  BOOST_REQUIRE(uds);
  struct stat info{};
  BOOST_REQUIRE(::lstat((base / "s/root/v_1").c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 0777U) == 0600U);
  BOOST_TEST(info.st_uid == 1234U);
}

BOOST_FIXTURE_TEST_CASE(a_socket_may_have_a_path_of_any_length, Directories) {
  fs::path deep = base / "s" / "root";
  for (int i = 0; i < 4; ++i) {
    deep /= std::string(60, 'd');
  }
  fs::create_directories(deep);
  const Fd directory(::open(deep.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto uds = Uds::make(directory.get(), "kata.hvsock_4051", me, me);
  BOOST_REQUIRE(uds);
  BOOST_TEST(fs::exists(deep / "kata.hvsock_4051"));
  Caller caller("/proc/self/fd/" + std::to_string(directory.get()) + "/kata.hvsock_4051");
  uds->remove_from(directory.get());
  BOOST_TEST(!fs::exists(deep / "kata.hvsock_4051"));
}

BOOST_FIXTURE_TEST_CASE(a_socket_that_nobody_listens_on_is_replaced, Directories) {
  const auto opened = open_place(place, "s", me);
  const int directory = opened->directories.back().get();
  {
    const auto killed = Uds::make(directory, "v_1", me, me);
  }  // its file stays
  BOOST_REQUIRE(fs::exists(base / "s/root/v_1"));
  const auto uds = Uds::make(directory, "v_1", me, me);
  BOOST_REQUIRE(uds);
  BOOST_TEST(uds->is_in(directory));
}

BOOST_FIXTURE_TEST_CASE(what_somebody_else_made_stays, Directories) {
  const auto opened = open_place(place, "s", me);
  const int directory = opened->directories.back().get();
  const auto busy = Uds::make(directory, "v_1", me, me);
  scratch.write("k/s/root/v_2", "a file");
  fs::create_symlink("v_1", base / "s/root/v_3");
  for (const char* name : {"v_1", "v_2", "v_3"}) {
    const auto made = Uds::make(directory, name, me, me);
    BOOST_REQUIRE(!made);
    BOOST_TEST(made.error().code == EADDRINUSE);
    BOOST_TEST(fs::exists(base / "s/root" / name));
  }
  // And is not taken away in the place of ours.
  fs::remove(base / "s/root/v_1");
  scratch.write("k/s/root/v_1", "another");
  busy->remove_from(directory);
  BOOST_TEST(fs::exists(base / "s/root/v_1"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata::test
