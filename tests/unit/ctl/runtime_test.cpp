// `usherctl runtime …` with the real CRI-O adapter, on a directory of its own.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ctl_double.hpp"

namespace usher::ctl::test {
namespace {

class Node {
 public:
  Node() {
    std::string name = "/tmp/usher-runtime-XXXXXX";
    root_ = ::mkdtemp(name.data());
    std::filesystem::create_directories(root_ / "hooks");
    std::ofstream(root_ / "usher-hook.built") << "#!/bin/sh\necho usher-hook 1.2.3\n";
    std::filesystem::permissions(root_ / "usher-hook.built", std::filesystem::perms::owner_all);
    // So that verify finds the directory where CRI-O would.
    std::filesystem::create_directories(root_ / "etc/crio/crio.conf.d");
    std::ofstream(root_ / "etc/crio/crio.conf") << "[crio.runtime]\nhooks_dir = [\"/hooks\"]\n";
  }
  ~Node() { std::filesystem::remove_all(root_); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Outcome run(const std::string& action, std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"runtime",
                                   action,
                                   "cri-o",
                                   "--adapters",
                                   USHER_TEST_ADAPTERS,
                                   "--trust-any-owner",
                                   "--root",
                                   root_,
                                   "--hooks-dir",
                                   "/hooks",
                                   "--hook-source",
                                   root_ / "usher-hook.built"};
    if (std::ranges::find(more, "--config") == more.end()) {
      more.insert(more.end(), {"--config", ""});
    }
    words.insert(words.end(), more.begin(), more.end());
    return Box().run(words);
  }
  std::string config(const std::string& text) const {
    std::ofstream(root_ / "usher.toml") << text;
    return root_ / "usher.toml";
  }
  bool has_hooks() const { return !std::filesystem::is_empty(root_ / "hooks"); }

 private:
  std::filesystem::path root_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(runtime_command)

BOOST_AUTO_TEST_CASE(plan_shows_and_changes_nothing) {
  const Node node;
  const auto outcome = node.run("plan", {"--fail", "open", "--exempt-namespace", "kube-system"});
  BOOST_TEST(outcome.code == kOk, outcome.err);
  BOOST_TEST(outcome.out.find("create") != std::string::npos);
  BOOST_TEST(outcome.out.find("+      \"open\"") != std::string::npos, outcome.out);
  BOOST_TEST(outcome.out.find("kube-system") != std::string::npos);
  BOOST_TEST(!node.has_hooks());
}

BOOST_AUTO_TEST_CASE(install_verify_and_uninstall_take_turns) {
  const Node node;
  BOOST_TEST(node.run("verify").code == kFailed);
  const auto installed = node.run("install");
  BOOST_TEST(installed.code == kOk, installed.err);
  BOOST_TEST(node.has_hooks());
  const auto again = nlohmann::json::parse(node.run("install", {"--json"}).out);
  BOOST_TEST(again["ok"] == true);
  for (const auto& step : again["steps"]) {
    BOOST_TEST((step["kind"] == "keep" || step["kind"] == "by hand"), step.dump());
  }
  const auto verified = node.run("verify");
  BOOST_TEST(verified.code == kOk, verified.out << verified.err);
  BOOST_TEST(node.run("uninstall").code == kOk);
  BOOST_TEST(!node.has_hooks());
  BOOST_TEST(node.run("verify").code == kFailed);
}

BOOST_AUTO_TEST_CASE(the_nodes_configuration_holds_for_what_is_not_given) {
  const Node node;
  const auto file = node.config(
      "[adapters]\nselect = \"auto\"\n[adapters.cri-o]\ninstall = true\nfail = \"open\"\n"
      "timeout = 1234\nexempt_namespaces = [\"infra\"]\ncri.socket = \"/run/x\"\n");
  const auto by_file = node.run("plan", {"--config", file});
  BOOST_TEST(by_file.code == kOk, by_file.err);
  for (const char* part : {"\"open\"", "\"1234\"", "\"infra\""}) {
    BOOST_TEST(by_file.out.find(part) != std::string::npos, by_file.out);
  }
  const auto by_line = node.run("plan", {"--config", file, "--fail", "closed"});
  BOOST_TEST(by_line.out.find("\"closed\"") != std::string::npos, by_line.out);
  BOOST_TEST(by_line.out.find("\"1234\"") != std::string::npos, by_line.out);
}

BOOST_AUTO_TEST_CASE(a_configuration_that_cannot_be_read_is_a_usage_error_with_its_place) {
  const Node node;
  const auto broken = node.run("plan", {"--config", node.config("[adapters\n")});
  BOOST_TEST(broken.code == kUsage);
  BOOST_TEST(broken.err.find("usher.toml:1:") != std::string::npos, broken.err);
  const auto odd =
      node.run("plan", {"--config", node.config("[adapters.cri-o]\nexempt_namespaces = [1]\n")});
  BOOST_TEST(odd.code == kUsage);
  BOOST_TEST(odd.err.find("usher.toml:2:") != std::string::npos, odd.err);
  BOOST_TEST(node.run("plan", {"--config", "/nonexistent/usher.toml"}).code == kUsage);
}

BOOST_AUTO_TEST_CASE(what_the_adapter_does_not_know_is_refused) {
  const Node node;
  const auto outcome = node.run("plan", {"--set", "colour=blue"});
  BOOST_TEST(outcome.code == kFailed);
  BOOST_TEST(outcome.err.find("colour") != std::string::npos);
  BOOST_TEST(node.run("plan", {"--set", "nonsense"}).code == kUsage);
}

BOOST_AUTO_TEST_CASE(
    a_setting_on_the_command_line_has_the_type_it_would_have_in_the_configuration) {
  const Node node;
  for (const char* setting : {"uninstall_on_stop=true", "timeout=2500", "fail=open"}) {
    const auto outcome = node.run("plan", {"--set", setting});
    BOOST_TEST(outcome.code == kOk, setting << ": " << outcome.err);
  }
  BOOST_TEST(node.run("plan", {"--set", "uninstall_on_stop=perhaps"}).code == kFailed);
}

BOOST_AUTO_TEST_CASE(an_adapter_that_is_not_there_is_a_usage_error) {
  const auto outcome = Box().run({"runtime", "plan", "nobodys", "--adapters", USHER_TEST_ADAPTERS});
  BOOST_TEST(outcome.code == kUsage);
  BOOST_TEST(outcome.err.find("nobodys") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(its_help_has_examples) {
  for (const char* action : {"plan", "install", "verify", "uninstall"}) {
    const auto outcome = Box().run({"runtime", action, "--help"});
    BOOST_TEST(outcome.code == kOk);
    BOOST_TEST(outcome.out.find("Example: usherctl runtime") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::ctl::test
