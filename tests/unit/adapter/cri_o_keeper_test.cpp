// install = true: cri-o.so in the agent's host keeps its hook in place, on a node under a prefix.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <optional>

#include "adapter/preflight.hpp"
#include "base/fd.hpp"
#include "cri_o_node.hpp"
#include "host_fixture.hpp"

using namespace usher::test::cri_o;
using usher::adapter::AdapterInfo;
using usher::test::HostFixture;

namespace {

struct Kept : TestNode {
  HostFixture agent;

  Kept() {
    config["install"] = true;
    root.write("usr/bin/crio", "");
  }

  void start() {
    usher::adapter::HostOptions options;
    options.directory = ADAPTERS;
    options.automatic = false;
    options.selected = {"cri-o"};
    options.config["cri-o"] = config;
    const auto started = agent.make(std::move(options)).start();
    BOOST_TEST_REQUIRE(started.has_value(), (started ? "" : started.error().message));
  }
  AdapterInfo info() const { return agent.host->adapters().at(0); }
  // What it last said of its health.
  std::string health() const {
    for (auto line = agent.log.rbegin(); line != agent.log.rend(); ++line) {
      if (line->find("healthy: ") != std::string::npos ||
          line->find("degraded: ") != std::string::npos) {
        return *line;
      }
    }
    return {};
  }
  bool says(const std::string& part) const { return health().find(part) != std::string::npos; }
  std::size_t logged(const std::string& part) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        agent.log, [&](const auto& line) { return line.find(part) != std::string::npos; }));
  }
  void until(const std::function<bool()>& done, const std::string& what) {
    agent.run_until(done);
    BOOST_TEST(done(), what << "; it says: " << health());
  }
  // The agent has nothing left to do but wait for changes.
  void settle() {
    agent.loop.restart();
    while (agent.loop.run_one_for(std::chrono::milliseconds(400)) != 0) {
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hook_keeper, Kept)

BOOST_AUTO_TEST_CASE(the_adapter_installs_at_its_start_and_leaves_the_hook_when_it_stops) {
  start();
  until([&] { return says("is in place"); }, "installed");
  BOOST_TEST(names_program(kGate, "usher-hook-1.2.3"));
  agent.stop();
  BOOST_TEST(has(kGate));
  BOOST_TEST(has(kHook));
}

BOOST_AUTO_TEST_CASE(without_install_nothing_is_written) {
  config["install"] = false;
  start();
  settle();
  BOOST_TEST(fs::is_empty(at(kDir)));
  BOOST_TEST(!has(kHook));
}

BOOST_AUTO_TEST_CASE(uninstall_on_stop_takes_it_away) {
  config["uninstall_on_stop"] = true;
  start();
  until([&] { return has(kEnd); }, "installed");
  agent.stop();
  BOOST_TEST(!has(kGate));
  BOOST_TEST(!has(kHook));
  BOOST_TEST(logged("start without policy") == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_removed_or_altered_is_put_back_and_said) {
  start();
  until([&] { return says("is in place"); }, "installed");
  settle();
  fs::remove(at(kGate));
  until([&] { return has(kGate); }, "the file is back");
  settle();
  BOOST_TEST(logged("hook repaired: " + kGate + " is not there") == 1U);
  root.write(kEnd.substr(1), "{}");
  until([&] { return names_program(kEnd, "usher-hook-1.2.3"); }, "the content is back");
  settle();
  BOOST_TEST(logged("hook repaired: " + kEnd + " is not as it should be") == 1U);
  fs::remove(at(kHook));
  until([&] { return has(kHook) && logged("hook repaired: " + kHook) == 1U; }, "program is back");
  settle();
  BOOST_TEST(says("is in place"));
}

BOOST_AUTO_TEST_CASE(a_directory_that_was_taken_away_is_made_again_and_watched) {
  start();
  until([&] { return says("is in place"); }, "installed");
  settle();
  fs::remove_all(at(kDir));
  until([&] { return has(kGate); }, "the directory is back");
  settle();
  fs::remove(at(kGate));
  until([&] { return has(kGate); }, "the new directory is watched");
}

BOOST_AUTO_TEST_CASE(a_changed_configuration_of_the_runtime_is_followed) {
  root.write("etc/crio/crio.conf", "[crio.runtime]\n");
  start();
  until([&] { return has(kGate); }, "installed");
  settle();
  root.write("etc/crio/crio.conf", "[crio.runtime]\nhooks_dir = [\"/etc/h.d\"]\n");
  until([&] { return has("/etc/h.d/usher-cri-o-gate.json"); }, "the new directory has the hook");
  root.write("etc/crio/crio.conf", "[crio.runtime\n");
  until([&] { return says("crio.conf:1:"); }, "a configuration that cannot be read is said");
  root.write("etc/crio/crio.conf", "[crio.runtime]\nhooks_dir = [\"/etc/h.d\"]\n");
  until([&] { return says("is in place"); }, "and so is its end");
}

BOOST_AUTO_TEST_CASE(it_does_not_fight_for_ever) {
  start();
  until([&] { return says("is in place"); }, "installed");
  settle();
  for (std::size_t i = 1; i <= 3; ++i) {
    fs::remove(at(kGate));
    until([&] { return logged("hook repaired") == i; }, "repaired");
    settle();
  }
  fs::remove(at(kGate));
  until([&] { return says("is not kept any more"); }, "gave up");
  settle();
  BOOST_TEST(!has(kGate));
  BOOST_TEST(logged("hook repaired") == 3U);
  BOOST_TEST(says(kGate + " is not there, after 3 repairs within a minute"));
}

BOOST_AUTO_TEST_CASE(a_hook_that_cannot_be_installed_does_not_keep_the_adapter_from_answering) {
  config["hook_source"] = std::string("/nonexistent/usher-hook");
  start();
  until([&] { return says("hook_source"); }, "unhealthy, with the reason");
  BOOST_TEST((info().state == AdapterInfo::State::running));
}

BOOST_AUTO_TEST_CASE(a_lock_that_another_process_holds_holds_up_nobody_and_is_waited_for) {
  fs::create_directories(at("/opt/usher/bin"));
  std::optional<usher::Fd> held(
      ::open(at("/opt/usher/bin").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  BOOST_TEST_REQUIRE(::flock(held->get(), LOCK_EX | LOCK_NB) == 0);
  const auto before = std::chrono::steady_clock::now();
  start();
  BOOST_TEST((std::chrono::steady_clock::now() - before < std::chrono::milliseconds(2500)));
  BOOST_TEST(!has(kGate));
  held.reset();
  until([&] { return says("is in place"); }, "installed when the lock is free");
  BOOST_TEST(has(kGate));
}

BOOST_AUTO_TEST_CASE(settings_that_are_refused_end_the_start_though_nobody_named_the_adapter) {
  for (const char* key : {"instal", "install"}) {
    usher::adapter::HostOptions options;
    options.directory = ADAPTERS;
    options.trust_any_owner = true;
    options.config["cri-o"] = {{"root", root.path().string()}, {key, std::string("true")}};
    const auto refused = usher::adapter::refused_settings(options);
    BOOST_TEST_REQUIRE(refused.size() == 1U);
    BOOST_TEST(refused[0].adapter == "cri-o");
    BOOST_TEST(refused[0].message.find('"' + std::string(key) + '"') != std::string::npos);
    BOOST_TEST(!agent.make(options).start().has_value());
  }
  usher::adapter::HostOptions options;
  options.directory = ADAPTERS;
  options.trust_any_owner = true;
  options.config["criio"] = {{"install", true}};
  BOOST_TEST_REQUIRE(usher::adapter::refused_settings(options).size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_others_put_beside_is_said_until_it_is_gone) {
  start();
  until([&] { return says("is in place"); }, "installed");
  root.write(kDir.substr(1) + "/broken.json", "{");
  until([&] { return says("broken.json keeps cri-o from starting"); }, "said");
  fs::remove(at(kDir + "/broken.json"));
  until([&] { return says("is in place"); }, "over");
  BOOST_TEST(logged("hook repaired") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
