// usher.install/1 of cri-o.so, through the interface that usherctl uses, on a node under a prefix.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "adapter/installer.hpp"
#include "base/file.hpp"
#include "scratch.hpp"

namespace fs = std::filesystem;
using Kind = usher::adapter::InstallStep::Kind;
using usher::read_file;
using usher::adapter::Config;
using usher::adapter::Installer;
using usher::adapter::InstallReport;
using usher::test::Scratch;

namespace {

const std::string kDir = "/usr/share/containers/oci/hooks.d";
const std::string kGate = kDir + "/usher-cri-o-gate.json";
const std::string kEnd = kDir + "/usher-cri-o-end.json";
const std::string kHook = "/opt/usher/bin/usher-hook";

struct Node {
  Scratch root;
  Scratch built;
  Installer installer = Installer::open("cri-o", ADAPTERS, true).value();
  Config config;

  Node() {
    fs::create_directories(at(kDir));
    config["root"] = root.path().string();
    config["hook_source"] = built.write("usher-hook", "#!/bin/true\n").string();
  }
  fs::path at(const std::string& path) const { return root.path().native() + path; }
  bool has(const std::string& path) const { return fs::exists(at(path)); }
};

bool names(const std::vector<std::string>& problems, const std::string& part) {
  for (const auto& problem : problems) {
    if (problem.find(part) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hooks_installer, Node)

BOOST_AUTO_TEST_CASE(plan_shows_everything_and_changes_nothing) {
  const auto report = installer.plan(config);
  BOOST_TEST_REQUIRE(report.ok, report.error);
  BOOST_TEST_REQUIRE(report.steps.size() == 3U);
  BOOST_TEST((report.steps[0].kind == Kind::create));
  BOOST_TEST(report.steps[0].path == kHook);
  BOOST_TEST(report.steps[1].path == kGate);
  BOOST_TEST(report.steps[1].diff.find("+    \"path\": \"/opt/usher/bin/usher-hook\",") !=
             std::string::npos);
  BOOST_TEST(!has(kHook));
  BOOST_TEST(!has(kGate));
  BOOST_TEST(fs::is_empty(at(kDir)));
}

BOOST_AUTO_TEST_CASE(install_writes_what_the_runtimes_accept) {
  config["timeout"] = std::int64_t{2500};
  config["fail"] = std::string("open");
  config["socket"] = std::string("/run/x.sock");
  config["exempt_namespaces"] = std::vector<std::string>{"kube-system", "infra-*"};
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  struct stat info{};
  BOOST_TEST(::stat(at(kHook).c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0755U);
  BOOST_TEST(::stat(at(kGate).c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0644U);
  const auto json = nlohmann::json::parse(read_file(at(kGate)).value());
  BOOST_TEST(json == nlohmann::json::parse(R"({
    "version": "1.0.0",
    "hook": {
      "path": "/opt/usher/bin/usher-hook",
      "args": ["usher-hook", "createRuntime", "--runtime", "cri-o", "--socket", "/run/x.sock",
               "--timeout", "2500", "--fail", "open", "--exempt-namespace", "kube-system",
               "--exempt-namespace", "infra-*"],
      "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
      "timeout": 8
    },
    "when": {"always": true},
    "stages": ["createRuntime"]})"));
  const auto end = nlohmann::json::parse(read_file(at(kEnd)).value());
  BOOST_TEST(end["stages"] == nlohmann::json::parse(R"(["poststop"])"));
  BOOST_TEST(end["hook"]["args"][1] == "poststop");
  // A hint: a container's end does not wait as long for the agent as its start does.
  BOOST_TEST(end["hook"]["args"][7] == "1000");
  BOOST_TEST(end["hook"]["timeout"] == 6);
}

BOOST_AUTO_TEST_CASE(installing_twice_changes_nothing_more) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto before = fs::last_write_time(at(kGate));
  const auto report = installer.install(config);
  BOOST_TEST(report.ok);
  for (const auto& step : report.steps) {
    BOOST_TEST((step.kind == Kind::keep), step.path << ": " << step.what);
  }
  BOOST_TEST((fs::last_write_time(at(kGate)) == before));
}

BOOST_AUTO_TEST_CASE(the_program_is_there_before_the_files) {
  config["hook_source"] = std::string("/nonexistent/usher-hook");
  const auto report = installer.install(config);
  BOOST_TEST(!report.ok);
  BOOST_TEST(report.error.find("hook_source") != std::string::npos);
  BOOST_TEST(!has(kGate));
}

BOOST_AUTO_TEST_CASE(verify_holds_after_install_only) {
  BOOST_TEST(names(installer.verify(config).problems, kHook + " is missing"));
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto good = installer.verify(config);
  BOOST_TEST(good.ok, good.error);
  BOOST_TEST(good.problems.empty());

  ::chmod(at(kHook).c_str(), 0644);
  BOOST_TEST(names(installer.verify(config).problems, "not an executable file"));
  ::chmod(at(kHook).c_str(), 0777);
  BOOST_TEST(names(installer.verify(config).problems, "can be written by others"));
  ::chmod(at(kHook).c_str(), 0755);
  fs::remove(at(kEnd));
  BOOST_TEST(names(installer.verify(config).problems, kEnd + " is missing"));
  root.write(kGate.substr(1), "{}");
  const auto changed = installer.verify(config);
  BOOST_TEST(!changed.ok);
  BOOST_TEST(names(changed.problems, kGate + " is not as these settings make it"));
}

BOOST_AUTO_TEST_CASE(an_older_program_is_replaced_and_reported) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  built.write("usher-hook", "newer");
  BOOST_TEST(names(installer.verify(config).problems, "is not the same as"));
  const auto report = installer.install(config);
  BOOST_TEST((report.steps.at(0).kind == Kind::replace));
  BOOST_TEST(read_file(at(kHook)).value() == "newer");
}

BOOST_AUTO_TEST_CASE(uninstall_takes_the_files_first_and_can_be_repeated) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto report = installer.uninstall(config);
  BOOST_TEST(report.ok, report.error);
  BOOST_TEST_REQUIRE(report.steps.size() == 3U);
  BOOST_TEST(report.steps[0].path == kGate);
  BOOST_TEST(report.steps[2].path == kHook);
  BOOST_TEST(!has(kGate));
  BOOST_TEST(!has(kEnd));
  BOOST_TEST(!has(kHook));
  const auto again = installer.uninstall(config);
  BOOST_TEST(again.ok, again.error);
  BOOST_TEST(again.steps.empty());
}

BOOST_AUTO_TEST_CASE(a_program_that_another_runtime_calls_stays) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  config["runtime"] = std::string("podman");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(has(kDir + "/usher-podman-gate.json"));
  config["runtime"] = std::string("cri-o");
  BOOST_TEST_REQUIRE(installer.uninstall(config).ok);
  BOOST_TEST(has(kHook));
  BOOST_TEST(has(kDir + "/usher-podman-gate.json"));
  config["runtime"] = std::string("podman");
  BOOST_TEST_REQUIRE(installer.uninstall(config).ok);
  BOOST_TEST(!has(kHook));
}

BOOST_AUTO_TEST_CASE(the_configured_directory_is_used_and_a_new_one_needs_a_restart) {
  root.write("etc/crio/crio.conf.d/10.conf", "[crio.runtime]\nhooks_dir = [\"/etc/h.d\"]\n");
  const auto report = installer.install(config);
  BOOST_TEST_REQUIRE(report.ok, report.error);
  BOOST_TEST(has("/etc/h.d/usher-cri-o-gate.json"));
  BOOST_TEST((report.steps.back().kind == Kind::manual));
  BOOST_TEST(report.steps.back().what.find("restart") != std::string::npos);
  BOOST_TEST(installer.verify(config).ok);
}

BOOST_AUTO_TEST_CASE(a_directory_that_the_runtime_does_not_read_is_a_problem) {
  config["hooks_dir"] = std::string("/srv/hooks");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(names(installer.verify(config).problems, "not among the hooks directories"));
}

BOOST_AUTO_TEST_CASE(a_later_file_of_our_name_is_a_problem) {
  root.write("etc/crio/crio.conf",
             "[crio.runtime]\nhooks_dir = [\"" + kDir + "\", \"/etc/later\"]\n");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(installer.verify(config).ok);
  config["hooks_dir"] = kDir;
  root.write("etc/later/usher-cri-o-gate.json", "{}");
  BOOST_TEST(names(installer.verify(config).problems, "takes the place of"));
}

BOOST_AUTO_TEST_CASE(podman_in_the_same_directory_is_said) {
  root.write("usr/bin/podman", "");
  const auto report = installer.plan(config);
  BOOST_TEST((report.steps.back().kind == Kind::manual));
  BOOST_TEST(report.steps.back().what.find("podman reads this directory too") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(settings_are_checked) {
  const auto refuses = [&](const std::string& key, usher::adapter::ConfigValue value) {
    Config bad = config;
    bad[key] = std::move(value);
    const auto report = installer.plan(bad);
    BOOST_TEST(!report.ok, key);
    BOOST_TEST(report.error.find('"' + key + '"') != std::string::npos, report.error);
  };
  refuses("colour", std::string("red"));
  refuses("runtime", std::string("docker"));
  refuses("fail", std::string("maybe"));
  refuses("timeout", std::int64_t{0});
  refuses("timeout", std::int64_t{600000});
  refuses("timeout", std::string("5s"));
  refuses("socket", std::string("hook.sock"));
  refuses("hooks_dir", std::string("hooks.d"));
  refuses("hook_path", std::string(""));
  refuses("exempt_namespaces", std::string("kube-system"));
}

BOOST_AUTO_TEST_SUITE_END()
