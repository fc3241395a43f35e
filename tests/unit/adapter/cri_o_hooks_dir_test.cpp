#include "cri-o/hooks_dir.hpp"

#include <boost/test/unit_test.hpp>

#include "cri-o/diff.hpp"
#include "scratch.hpp"

using usher::cri_o::cri_o_hooks_dirs;
using usher::cri_o::podman_hooks_dirs;
using usher::cri_o::unified_diff;
using usher::test::Scratch;
using Dirs = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(hooks_directories)

BOOST_AUTO_TEST_CASE(defaults_hold_where_nothing_is_configured) {
  const Scratch node;
  BOOST_TEST(cri_o_hooks_dirs(node.path()).value() == Dirs{"/usr/share/containers/oci/hooks.d"});
  BOOST_TEST(podman_hooks_dirs(node.path()).value() ==
             (Dirs{"/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"}));
}

BOOST_AUTO_TEST_CASE(the_last_drop_in_that_sets_it_wins) {
  const Scratch node;
  node.write("etc/crio/crio.conf", "[crio.runtime]\nhooks_dir = [\"/a\"]\n");
  BOOST_TEST(cri_o_hooks_dirs(node.path()).value() == Dirs{"/a"});
  node.write("etc/crio/crio.conf.d/20-b", "[crio.runtime]\nhooks_dir = [\"/b\", \"/c\"]\n");
  node.write("etc/crio/crio.conf.d/10-x.conf", "[crio.runtime]\nhooks_dir = [\"/x\"]\n");
  node.write("etc/crio/crio.conf.d/30-other.conf", "[crio.runtime]\nlog_level = \"info\"\n");
  BOOST_TEST(cri_o_hooks_dirs(node.path()).value() == (Dirs{"/b", "/c"}));
}

BOOST_AUTO_TEST_CASE(podmans_are_read_from_containers_conf) {
  const Scratch node;
  node.write("usr/share/containers/containers.conf", "[engine]\nhooks_dir = [\"/u\"]\n");
  node.write("etc/containers/containers.conf", "[engine]\n#hooks_dir = [\"/e\"]\n");
  BOOST_TEST(podman_hooks_dirs(node.path()).value() == Dirs{"/u"});
}

BOOST_AUTO_TEST_CASE(configuration_that_cannot_be_read_is_an_error_with_its_place) {
  const Scratch node;
  node.write("etc/crio/crio.conf", "[crio.runtime]\nhooks_dir = \"/a\"\n");
  BOOST_TEST(cri_o_hooks_dirs(node.path()).error().message.find("list of strings") !=
             std::string::npos);
  node.write("etc/crio/crio.conf", "[crio.runtime\n");
  BOOST_TEST(cri_o_hooks_dirs(node.path()).error().message.find("crio.conf:1:") !=
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
