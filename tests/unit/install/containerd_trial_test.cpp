// What containerd is started on before its configuration is written, and what becomes of a refusal.
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "containerd/install/toml_view.hpp"
#include "containerd/install/trial.hpp"
#include "containerd/install/trial_config.hpp"
#include "containerd_node.hpp"

using namespace usher::test::containerd;
using usher::containerd::reason_in;
using usher::containerd::trial_config;
using usher::containerd::view_toml;

namespace {

struct MayUnshare {
  boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id) const {
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(::unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 ? 0 : 1);
    }
    int status = 1;
    ::waitpid(child, &status, 0);
    boost::test_tools::assertion_result result(status == 0);
    result.message() << "SKIPPED: no rights for mounts and a network of its own here";
    return result;
  }
};

// Reads any configuration; started on one it says SAID and ends.
struct Refusing : TestNode {
  Refusing() {
    options.try_start = true;
    says("containerd: it cannot bear it");
  }
  void says(const std::string& said) {
    version("2.1.0",
            "[ \"$3\" = config ] || { echo '" + said + "' >&2; exit 3; }\n" + std::string(kDump));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(containerd_trial)

BOOST_AUTO_TEST_CASE(what_a_second_containerd_would_share_is_moved_and_the_rest_stays) {
  const auto text =
      trial_config(R"(version = 3
root = '/var/lib/containerd'
state = '/run/containerd'
imports = ['/etc/containerd/conf.d/*.toml']
required_plugins = ['io.containerd.grpc.v1.cri']
oom_score = -999
[grpc]
address = '/run/containerd/containerd.sock'
tcp_address = '10.0.0.1:99'
[metrics]
address = '10.0.0.1:1338'
[cgroup]
path = '/system.slice'
[proxy_plugins.stargz]
type = 'snapshot'
address = '/run/stargz.sock'
[plugins.'io.containerd.snapshotter.v1.devmapper']
pool_name = 'pool'
root_path = '/var/lib/devmapper'
[plugins.'io.containerd.snapshotter.v1.overlayfs']
root_path = ''
[plugins.'io.containerd.nri.v1.nri']
disable = false
socket_path = '/var/run/nri/nri.sock'
plugin_path = '/opt/nri/plugins'
[plugins.'io.containerd.grpc.v1.cri']
stream_server_address = '10.0.0.1'
stream_server_port = '7777'
[plugins.'io.containerd.cri.v1.runtime'.cni]
conf_dir = '/etc/cni/net.d'
bin_dirs = ['/opt/cni/bin']
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
base_runtime_spec = '/etc/usher/containerd/base-runc.json'
cni_conf_dir = '/etc/cni/other.d'
)",
                   "/d", [](const std::string& path) { return path == "/etc/cni/net.d"; });
  BOOST_TEST_REQUIRE(text.has_value());
  const auto view = view_toml(*text, "trial");
  BOOST_TEST_REQUIRE(view.has_value());
  const auto value = [&](const usher::containerd::KeyPath& path) {
    const auto* leaf = view->leaf(path);
    return leaf == nullptr ? std::string("none") : leaf->text.value_or(leaf->value);
  };
  const std::string cri = "io.containerd.cri.v1.runtime";
  BOOST_TEST(value({"imports"}) == "none");
  BOOST_TEST(value({"root"}) == "/d/root");
  BOOST_TEST(value({"state"}) == "/d/state");
  BOOST_TEST(value({"oom_score"}) == "0");
  BOOST_TEST(value({"grpc", "address"}) == "/d/c.sock");
  BOOST_TEST(value({"grpc", "tcp_address"}) == "");
  BOOST_TEST(value({"ttrpc", "address"}) == "/d/t.sock");
  BOOST_TEST(value({"metrics", "address"}) == "");
  BOOST_TEST(value({"debug", "address"}) == "");
  BOOST_TEST(value({"cgroup", "path"}) == "");
  BOOST_TEST(value({"proxy_plugins", "stargz", "address"}) == "/d/nobody.sock");
  BOOST_TEST(value({"plugins", "io.containerd.snapshotter.v1.devmapper", "root_path"}) == "/d/1");
  BOOST_TEST(value({"plugins", "io.containerd.snapshotter.v1.overlayfs", "root_path"}) == "");
  BOOST_TEST(value({"plugins", "io.containerd.nri.v1.nri", "socket_path"}) == "/d/nri.sock");
  BOOST_TEST(value({"plugins", "io.containerd.nri.v1.nri", "plugin_path"}) == "/d/none");
  BOOST_TEST(value({"plugins", "io.containerd.grpc.v1.cri", "stream_server_address"}) ==
             "127.0.0.1");
  BOOST_TEST(value({"plugins", "io.containerd.grpc.v1.cri", "stream_server_port"}) == "0");
  BOOST_TEST(value({"plugins", cri, "containerd", "runtimes", "runc", "cni_conf_dir"}) == "/d/0");
  // What is tried.
  BOOST_TEST(value({"required_plugins"}).find("io.containerd.grpc.v1.cri") != std::string::npos);
  BOOST_TEST(value({"proxy_plugins", "stargz", "type"}) == "snapshot");
  BOOST_TEST(value({"plugins", "io.containerd.nri.v1.nri", "disable"}) == "false");
  BOOST_TEST(value({"plugins", cri, "cni", "conf_dir"}) == "/etc/cni/net.d");
  BOOST_TEST(value({"plugins", cri, "containerd", "runtimes", "runc", "base_runtime_spec"}) ==
             "/etc/usher/containerd/base-runc.json");
  BOOST_TEST(!trial_config("[[", "/d", {}).has_value());
}

BOOST_AUTO_TEST_CASE(of_a_log_the_line_that_says_why_is_found) {
  const std::string one = R"(time="x" level=info msg="starting"
time="x" level=warning msg="failed to load plugin io.containerd.snapshotter.v1.devmapper" error="no pool"
time="x" level=warning msg="failed to load plugin io.containerd.grpc.v1.cri" error="no \"x\" here"
time="x" level=info msg="containerd successfully booted in 0.1s"
)";
  BOOST_TEST(reason_in(one) == R"(no "x" here)");
  const std::string two =
      R"(level=warning msg="failed to load plugin" error="the cause" id=io.containerd.cri.v1.images
level=warning msg="failed to load plugin" error="what follows" id=io.containerd.grpc.v1.cri
)";
  BOOST_TEST(reason_in(two) == "the cause");
  BOOST_TEST(reason_in(two + "containerd: it ends for this\n") == "containerd: it ends for this");
  BOOST_TEST(reason_in("level=fatal msg=\"not to be\"\n") == "not to be");
  BOOST_TEST(reason_in("a word") == "a word");
  BOOST_TEST(reason_in("level=error msg=\"cut off\\") == "cut off\\x5c");
  BOOST_TEST(reason_in("") == "");
}

BOOST_FIXTURE_TEST_CASE(what_does_not_come_up_leaves_everything_as_it_was, Refusing,
                        *boost::unit_test::precondition(MayUnshare())) {
  const auto before = read(kConfig);
  const auto error = install().error;
  BOOST_TEST(error.find("does not start on the edited " + kConfig) != std::string::npos);
  BOOST_TEST(error.find("it ends with code 3: containerd: it cannot bear it") != std::string::npos);
  BOOST_TEST(error.find("nor does it on the one that is there now") != std::string::npos);
  BOOST_TEST(error.find("--no-start") != std::string::npos);
  BOOST_TEST(read(kConfig) == before);
  BOOST_TEST(!has(kSpec));
  BOOST_TEST(!has("/etc/usher/containerd/.usher-start"));

  // A spec that containerd begins containers with already is the old one again.
  options.try_start = false;
  installed();
  const auto spec = read(kSpec), config = read(kConfig);
  options.try_start = true;
  options.timeout_ms = 7000;
  BOOST_TEST(install().error.find("does not start on the edited") != std::string::npos);
  BOOST_TEST(read(kSpec) == spec);
  BOOST_TEST(read(kConfig) == config);
}

BOOST_FIXTURE_TEST_CASE(it_is_tried_with_the_files_as_they_will_be, Refusing,
                        *boost::unit_test::precondition(MayUnshare())) {
  // Two files are edited, of which each would be right alone.
  fs::create_directories(at("/etc/containerd/conf.d"));
  put(kConfig, "version = 3\nimports = [\"conf.d/*.toml\"]\n" + runc("runc"));
  put("/etc/containerd/conf.d/a.toml", "version = 3\n" + runc("other"));
  version("2.1.0",
          "d=$(dirname \"$2\"); o=$(dirname \"$0\")/first; [ -e \"$o\" ] || cat \"$2\" "
          "\"$d\"/conf.d/*.toml >\"$o\"; exit 4");
  BOOST_TEST(!install().error.empty());
  const auto first = usher::read_file(built.path() / "first").value_or("");
  BOOST_TEST(first.find("base-runc.json") != std::string::npos);
  BOOST_TEST(first.find("base-other.json") != std::string::npos);
  BOOST_TEST(read(kConfig).find("usher") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(without_the_trial_it_is_said, TestNode) {
  BOOST_TEST(install().has_step(USHER_STEP_KEEP, kConfig, "was not started on it"));
}

BOOST_AUTO_TEST_SUITE_END()
