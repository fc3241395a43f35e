// Where the root is, by what hooks of another system say of it.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "identity/placement.hpp"
#include "scratch.hpp"

namespace fs = std::filesystem;
using usher::identity::noticed_root;
using usher::test::Scratch;

namespace {

const std::string kCgroup = "/kubepods/podu1/c1";

struct Node {
  Scratch scratch;
  fs::path base = scratch.path();
  fs::path bundle = base / "run/c1/userdata";
  fs::path image = base / "lib/overlay/1/merged";
  usher::identity::PlacementOptions options{.cgroup_root = base / "cgroup", .proc = base / "proc"};

  Node() {
    fs::create_directories(image);
    fs::create_directories(bundle / "rootfs");
    scratch.write("proc/7/mountinfo", "1 0 0:1 / / rw - ext4 /dev/x rw\n");
  }
  void config(const std::string& in, const std::string& root, const std::string& cgroup = kCgroup) {
    scratch.write(
        in, R"({"root":{"path":")" + root + R"("},"linux":{"cgroupsPath":")" + cgroup + "\"}}");
  }
  void bundle_with(const std::string& root, const std::string& cgroup = kCgroup) {
    config("run/c1/userdata/config.json", root, cgroup);
  }
  void mounted(const fs::path& at) {
    scratch.write("proc/7/mountinfo", "1 0 0:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / " + at.string() +
                                          " rw - overlay overlay rw\n");
  }
  std::string root_of(const std::string& said, const std::string& cgroup = kCgroup) {
    auto found = noticed_root(said, cgroup, 7, options);
    return found ? found->string() : "error: " + found.error().message;
  }
  void refused(const std::string& said) {
    const auto got = root_of(said);
    BOOST_TEST(got.find("install usher-hook") != std::string::npos, "it says " << got);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(noticed_roots, Node)

BOOST_AUTO_TEST_CASE(a_bundle_and_an_absolute_root_glued_together_are_taken_apart) {
  bundle_with(image.string());
  BOOST_TEST(root_of(bundle.string() + image.string()) == image.string());
}

BOOST_AUTO_TEST_CASE(a_root_below_its_bundle_is_that_root) {
  bundle_with("rootfs");
  BOOST_TEST(root_of((bundle / "rootfs").string()) == (bundle / "rootfs").string());
  bundle_with("./rootfs/");
  BOOST_TEST(root_of((bundle / "rootfs").string() + "/") == (bundle / "rootfs").string());
}

BOOST_AUTO_TEST_CASE(a_bundle_stands_for_the_root_that_its_configuration_names) {
  bundle_with("rootfs");
  BOOST_TEST(root_of(bundle.string()) == (bundle / "rootfs").string());
  bundle_with(image.string());
  BOOST_TEST(root_of(bundle.string()) == image.string());
}

BOOST_AUTO_TEST_CASE(a_cgroup_in_systemds_form_is_the_path_that_it_stands_for) {
  bundle_with(image.string(), "kubepods-podu1.slice:crio:c1");
  BOOST_TEST(root_of(bundle.string(), "/kubepods.slice/kubepods-podu1.slice/crio-c1.scope") ==
             image.string());
}

BOOST_AUTO_TEST_CASE(a_root_elsewhere_is_one_where_the_init_has_it_mounted) {
  refused(image.string());
  mounted(image);
  BOOST_TEST(root_of(image.string()) == image.string());
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_neither_bundle_nor_root_is_refused) {
  refused(bundle.string());  // no config.json
  bundle_with("rootfs", "/kubepods/podu1/c2");
  refused(bundle.string());  // another container's
  bundle_with(image.string());
  refused(bundle.string() + "/elsewhere");
  refused("/nonexistent/root");
}

BOOST_AUTO_TEST_CASE(a_configuration_inside_the_image_names_no_root) {
  config("lib/overlay/1/merged/config.json", "/etc", "/kubepods/podu1/of-the-authors-making");
  mounted(image);
  BOOST_TEST(root_of(image.string()) == image.string());
  // Nor does one that knows its cgroup, where the bundle is above.
  bundle_with("rootfs");
  config("run/c1/userdata/rootfs/config.json", "/etc");
  BOOST_TEST(root_of((bundle / "rootfs").string()) == (bundle / "rootfs").string());
}

BOOST_AUTO_TEST_CASE(a_pipe_in_the_image_does_not_hold_the_agent_up) {
  BOOST_REQUIRE(::mkfifo((image / "config.json").c_str(), 0600) == 0);
  mounted(image);
  BOOST_TEST(root_of(image.string()) == image.string());
}

BOOST_AUTO_TEST_CASE(what_is_no_absolute_path_is_refused_in_few_words) {
  for (const auto& said : {std::string(), std::string("rootfs"), std::string("/a\0b", 4)}) {
    BOOST_TEST(root_of(said).find("not an absolute path") != std::string::npos);
  }
  BOOST_TEST(root_of(std::string(1U << 20, 'x')).size() < 1024U);
}

BOOST_AUTO_TEST_SUITE_END()
