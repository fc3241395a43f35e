#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "identity/placement.hpp"
#include "scratch.hpp"
#include "usher_bpf.h"

namespace fs = std::filesystem;
using usher::identity::merged_directories;
using usher::identity::OciState;
using usher::identity::rootfs_of;
using usher::test::Scratch;

BOOST_AUTO_TEST_SUITE(rootfs)

BOOST_AUTO_TEST_CASE(links_into_usr_are_found) {
  const Scratch image;
  fs::create_directory_symlink("usr/bin", image.path() / "bin");
  fs::create_directory_symlink("/usr/sbin", image.path() / "sbin");
  fs::create_directory_symlink("./usr/lib/", image.path() / "lib");
  fs::create_directory_symlink("usr/lib32", image.path() / "lib32");
  fs::create_directory_symlink("usr/lib64", image.path() / "lib64");
  fs::create_directory_symlink("usr/libx32", image.path() / "libx32");
  BOOST_TEST(merged_directories(image.path()).value() ==
             (USHER_MERGED_BIN | USHER_MERGED_SBIN | USHER_MERGED_LIB | USHER_MERGED_LIB32 |
              USHER_MERGED_LIB64 | USHER_MERGED_LIBX32));
}

BOOST_AUTO_TEST_CASE(directories_and_other_links_are_not_merged) {
  const Scratch image;
  fs::create_directory(image.path() / "bin");
  fs::create_directory_symlink("usr/bin", image.path() / "sbin");
  fs::create_directory_symlink("usr/lib/../lib", image.path() / "lib");
  fs::create_directory_symlink("usr/" + std::string(200, 'x'), image.path() / "lib64");
  BOOST_TEST(merged_directories(image.path()).value() == 0U);
}

BOOST_AUTO_TEST_CASE(an_image_without_a_root_is_an_error) {
  BOOST_TEST(!merged_directories("/nonexistent/root").has_value());
}

BOOST_AUTO_TEST_CASE(root_comes_from_the_state_where_it_is_given) {
  OciState state;
  state.bundle = "/nonexistent";
  state.root = "/images/r";
  BOOST_TEST(rootfs_of(state).value() == "/images/r");
  state.root = "rootfs";  // as crun says it for a config.json with a relative root
  BOOST_TEST(rootfs_of(state).value() == "/nonexistent/rootfs");
}

BOOST_AUTO_TEST_CASE(root_comes_from_the_bundle_else) {
  const Scratch bundle;
  OciState state;
  state.bundle = bundle.path();
  bundle.write("config.json", R"({"root":{"path":"rootfs"}})");
  BOOST_TEST(rootfs_of(state).value() == bundle.path() / "rootfs");
  bundle.write("config.json", R"({"root":{"path":"/abs/merged"}})");
  BOOST_TEST(rootfs_of(state).value() == "/abs/merged");
}

BOOST_AUTO_TEST_CASE(a_real_cri_o_bundle_is_read) {
  const Scratch bundle;
  fs::copy_file(fs::path(TEST_SOURCE_DIR) / "fixtures/oci/cri-o-1.37.0-container-config.json",
                bundle.path() / "config.json");
  OciState state;
  state.bundle = bundle.path();
  BOOST_TEST(rootfs_of(state).value().filename() == "merged");
}

BOOST_AUTO_TEST_CASE(bundles_without_a_root_are_errors) {
  const Scratch bundle;
  OciState state;
  state.bundle = bundle.path();
  BOOST_TEST(!rootfs_of(state).has_value());
  for (const char* config : {"", "[]", "{}", R"({"root":"x"})", R"({"root":{"path":7}})",
                             R"({"root":{"path":""}})", R"({"root":{"path":"a\u0000b"}})"}) {
    bundle.write("config.json", config);
    BOOST_TEST(!rootfs_of(state).has_value(), config);
  }
}

BOOST_AUTO_TEST_SUITE_END()
