#include "adapter/library.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "scratch.hpp"

namespace fs = std::filesystem;
using usher::adapter::find_libraries;
using usher::adapter::library_path;
using usher::adapter::open_library;
using usher::test::Scratch;

namespace {

const fs::path kMinimal = fs::path(TEST_ADAPTERS) / "minimal_c.so";

void refuses(const fs::path& path, const std::string& because) {
  const auto library = open_library(path, false);
  BOOST_TEST_REQUIRE(!library.has_value());
  BOOST_TEST(library.error().message.find(because) != std::string::npos, library.error().message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(adapter_library)

BOOST_AUTO_TEST_CASE(what_others_may_write_is_not_loaded) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: needs root to give files away");
    return;
  }
  const Scratch scratch;
  const auto copy = scratch.path() / "a.so";
  fs::copy_file(kMinimal, copy);
  ::chmod(copy.c_str(), 0755);
  BOOST_TEST(open_library(copy, false).has_value());
  ::chmod(copy.c_str(), 0775);
  refuses(copy, "writable by others");
  ::chmod(copy.c_str(), 0757);
  refuses(copy, "writable by others");
  ::chmod(copy.c_str(), 0755);
  ::chmod(scratch.path().c_str(), 0777);
  refuses(copy, scratch.path().string() + " is writable by others");
  ::chmod(scratch.path().c_str(), 0755);
  BOOST_TEST(::chown(copy.c_str(), 1234, 0) == 0);
  refuses(copy, "belongs to uid 1234");
  BOOST_TEST(open_library(copy, true).has_value());
}

BOOST_AUTO_TEST_CASE(a_link_is_judged_by_what_it_points_to) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: needs root to give files away");
    return;
  }
  const Scratch scratch;
  const Scratch links;
  const auto copy = scratch.path() / "a.so";
  fs::copy_file(kMinimal, copy);
  ::chmod(copy.c_str(), 0777);
  fs::create_symlink(copy, links.path() / "b.so");
  refuses(links.path() / "b.so", "writable by others");
}

BOOST_AUTO_TEST_CASE(what_is_no_adapter_is_not_loaded) {
  const Scratch scratch;
  const auto text = scratch.write("text.so", "not a library");
  ::chmod(text.c_str(), 0644);
  BOOST_TEST(!open_library(text, true).has_value());
  BOOST_TEST(!open_library("/nonexistent/x.so", true).has_value());
  BOOST_TEST(!open_library(scratch.path(), true).has_value());
  const auto libc = open_library("/lib/x86_64-linux-gnu/libm.so.6", true);
  BOOST_TEST(!libc.has_value());
}

BOOST_AUTO_TEST_CASE(libraries_are_found_by_name_in_order) {
  const Scratch scratch;
  scratch.write("b.so", "");
  scratch.write("a.so", "");
  scratch.write("a.so.bak", "");
  const auto found = find_libraries(scratch.path());
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST(*found == (std::vector<fs::path>{scratch.path() / "a.so", scratch.path() / "b.so"}));
  BOOST_TEST(find_libraries("/nonexistent").value().empty());
  BOOST_TEST(library_path("cri-o", "/d") == "/d/cri-o.so");
  BOOST_TEST(library_path("./x.so", "/d") == "./x.so");
}

BOOST_AUTO_TEST_SUITE_END()
