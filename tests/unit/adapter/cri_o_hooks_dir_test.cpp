#include "cri-o/hooks_dir.hpp"

#include <boost/test/unit_test.hpp>

#include "install/diff.hpp"
#include "scratch.hpp"

using usher::install::Node;
using usher::install::unified_diff;
using usher::test::Scratch;
using Dirs = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(hooks_directories)

BOOST_AUTO_TEST_CASE(defaults_hold_where_nothing_is_configured) {
  const Scratch node;
  BOOST_TEST(usher::cri_o::cri_o_hooks_dirs(Node(node.path())).value() ==
             Dirs{"/usr/share/containers/oci/hooks.d"});
  BOOST_TEST(usher::cri_o::podman_hooks_dirs(Node(node.path())).value() ==
             (Dirs{"/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"}));
}

BOOST_AUTO_TEST_CASE(the_last_drop_in_that_sets_it_wins) {
  const Scratch node;
  node.write("etc/crio/crio.conf", "[crio.runtime]\nhooks_dir = [\"/a\"]\n");
  BOOST_TEST(usher::cri_o::cri_o_hooks_dirs(Node(node.path())).value() == Dirs{"/a"});
  node.write("etc/crio/crio.conf.d/20-b", "[crio.runtime]\nhooks_dir = [\"/b\", \"/c\"]\n");
  node.write("etc/crio/crio.conf.d/10-x.conf", "[crio.runtime]\nhooks_dir = [\"/x\"]\n");
  node.write("etc/crio/crio.conf.d/30-other.conf", "[crio.runtime]\nlog_level = \"info\"\n");
  BOOST_TEST(usher::cri_o::cri_o_hooks_dirs(Node(node.path())).value() == (Dirs{"/b", "/c"}));
}

BOOST_AUTO_TEST_CASE(drop_ins_are_walked_as_cri_o_walks_them) {
  const Scratch node;
  // A directory's files come where its name stands, and every file counts, whatever it is called.
  node.write("etc/crio/crio.conf.d/10/z", "[crio.runtime]\nhooks_dir = [\"/in-10\"]\n");
  node.write("etc/crio/crio.conf.d/10.conf", "[crio.runtime]\nhooks_dir = [\"/10.conf\"]\n");
  BOOST_TEST(usher::cri_o::cri_o_hooks_dirs(Node(node.path())).value() == Dirs{"/10.conf"});
  node.write("etc/crio/crio.conf.d/10x/a", "[crio.runtime]\nhooks_dir = []\n");
  BOOST_TEST(usher::cri_o::cri_o_hooks_dirs(Node(node.path())).value() == Dirs{});
}

BOOST_AUTO_TEST_CASE(links_lead_where_the_node_would_go) {
  const Scratch node;
  node.write("var/conf/main", "[crio.runtime]\nhooks_dir = [\"/linked\"]\n");
  std::filesystem::create_directories(node.path() / "etc/crio");
  std::filesystem::create_symlink("/var/conf/main", node.path() / "etc/crio/crio.conf");
  BOOST_TEST(usher::cri_o::cri_o_hooks_dirs(Node(node.path())).value() == Dirs{"/linked"});
}

BOOST_AUTO_TEST_CASE(podmans_are_read_from_containers_conf) {
  const Scratch node;
  node.write("usr/share/containers/containers.conf", "[engine]\nhooks_dir = [\"/u\"]\n");
  node.write("etc/containers/containers.conf", "[engine]\n#hooks_dir = [\"/e\"]\n");
  node.write("etc/containers/containers.conf.d/note.txt", "[engine]\nhooks_dir = [\"/no\"]\n");
  BOOST_TEST(usher::cri_o::podman_hooks_dirs(Node(node.path())).value() == Dirs{"/u"});
}

BOOST_AUTO_TEST_CASE(configuration_that_cannot_be_read_is_an_error_with_its_place) {
  const Scratch node;
  node.write("etc/crio/crio.conf", "[crio.runtime]\nhooks_dir = \"/a\"\n");
  BOOST_TEST(
      usher::cri_o::cri_o_hooks_dirs(Node(node.path())).error().message.find("list of strings") !=
      std::string::npos);
  node.write("etc/crio/crio.conf", "[crio.runtime\n");
  BOOST_TEST(
      usher::cri_o::cri_o_hooks_dirs(Node(node.path())).error().message.find("crio.conf:1:") !=
      std::string::npos);
  node.write("etc/crio/crio.conf", "[^]\n");  // which the TOML library itself would assert
  BOOST_TEST(
      usher::cri_o::cri_o_hooks_dirs(Node(node.path())).error().message.find("crio.conf:1:") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_diff_shows_what_changes) {
  BOOST_TEST(unified_diff("a\n", "a\n", "f") == "");
  BOOST_TEST(unified_diff("a\nb\nc\n", "a\nx\nc\n", "f") ==
             "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
  BOOST_TEST(unified_diff("", "a\n", "f") == "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
  BOOST_TEST(unified_diff("\x1b[1m\n", "", "f").find("-\\x1b[1m\n") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
