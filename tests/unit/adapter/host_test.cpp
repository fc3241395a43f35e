// The host with adapters written in C against plugin.h, and with cri-o.so.
#include "adapter/host.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "host_fixture.hpp"
#include "scratch.hpp"

namespace fs = std::filesystem;
using State = usher::adapter::AdapterInfo::State;
using usher::adapter::HostOptions;
using usher::test::HostFixture;
using usher::test::Scratch;
using usher::test::state_of;
using usher::test::test_adapter;
using namespace std::chrono_literals;

namespace {

void says(const std::string& message, const std::string& part) {
  BOOST_TEST(message.find(part) != std::string::npos, message);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(adapter_host, HostFixture)

BOOST_AUTO_TEST_CASE(an_adapter_in_c_answers_through_the_agents_loop) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("minimal_c")).start().has_value());
  BOOST_TEST(host->adapters().at(0).name == "minimal-c");
  BOOST_TEST(host->adapters().at(0).runtimes == std::vector<std::string>{"minimal"});
  for (const std::string id : {"a", "b"}) {
    const auto who = identify("minimal", state_of(id));
    BOOST_TEST_REQUIRE(who.has_value(), who.error().message);
    BOOST_TEST(who->container_id == id);
    BOOST_TEST(who->pod_namespace == "ns1");
    BOOST_TEST(who->labels_known);
    BOOST_TEST(who->pod_labels.at("app") == "web");
  }
  stop();
  BOOST_TEST((host->adapters().at(0).state == State::stopped));
}

BOOST_AUTO_TEST_CASE(a_runtime_that_nobody_serves_is_refused) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("minimal_c")).start().has_value());
  says(identify("docker\n", state_of("a")).error().message, "serves runtime \"docker\\x0a\"");
}

BOOST_AUTO_TEST_CASE(an_adapter_that_never_answers_meets_the_deadline) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("mute")).start().has_value());
  const auto who = identify("mute", state_of("a"), 20ms);
  BOOST_TEST_REQUIRE(!who.has_value());
  BOOST_TEST(who.error().code == ETIMEDOUT);
  says(who.error().message, "adapter mute did not say within 20 ms");
  stop(20ms);
  BOOST_TEST((host->adapters().at(0).state == State::failed));
  says(host->adapters().at(0).reason, "did not stop within 20 ms");
}

BOOST_AUTO_TEST_CASE(the_first_of_two_answers_counts) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("twice")).start().has_value());
  BOOST_TEST(identify("twice", state_of("a")).value().pod_namespace == "first");
  run_until([&] { return logged("twice: it answered question"); });
  BOOST_TEST(logged("twice, or was never asked it"));
  BOOST_TEST(counter("answered_twice") == 1U);
}

BOOST_AUTO_TEST_CASE(what_an_adapter_says_is_made_safe_to_show) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("twice")).start().has_value());
  const auto who = identify("twice", state_of("refuse"));
  BOOST_TEST_REQUIRE(!who.has_value());
  BOOST_TEST(who.error().message == "no\\x1b[31m\\x0away");
  BOOST_TEST(who.error().code == 5);
}

BOOST_AUTO_TEST_CASE(an_identity_with_two_values_for_a_label_is_refused) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("twice")).start().has_value());
  says(identify("twice", state_of("labels")).error().message, "named label app twice");
}

BOOST_AUTO_TEST_CASE(a_descriptor_shorter_than_version_1_is_refused) {
  says(make_with(test_adapter("short")).start().error().message,
       "gave a usher_plugin_v1 of 96 bytes; version 1.0's has 104");
}

// Built against tests/abi/frozen/plugin-1.0.h, whatever today's header has become.
BOOST_AUTO_TEST_CASE(an_adapter_of_version_1_0_answers_todays_host) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("frozen_minimal_c")).start().has_value());
  BOOST_TEST(identify("minimal", state_of("a")).value().pod_labels.at("app") == "web");
  stop();
  BOOST_TEST((host->adapters().at(0).state == State::stopped));
}

BOOST_AUTO_TEST_CASE(an_adapter_of_version_1_0_feeds_todays_host) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("frozen_talkative")).start().has_value());
  run_until([&] { return events.size() == 3U; });
  BOOST_TEST(events.at(0).identity.container_id == "c1");
  BOOST_TEST(events.at(0).cgroup_path == "/talk/c1");
  events.clear();  // the gate is let go of
  run_until([&] { return logged("gate 7: 1 the agent is stopping"); });
}

BOOST_AUTO_TEST_CASE(what_a_later_adapter_says_beyond_todays_structs_is_left_out) {
  BOOST_TEST_REQUIRE(make_with(test_adapter("newer")).start().has_value());
  run_until([&] { return !events.empty(); });
  BOOST_TEST(events.at(0).identity.container_id == "c1");
  BOOST_TEST(events.at(0).pid == 7);
}

BOOST_AUTO_TEST_CASE(a_selected_adapter_that_cannot_start_is_an_error) {
  says(make_with(test_adapter("broken")).start().error().message, "it has no usher_plugin_v1.stop");
  says(make_with(test_adapter("refusing")).start().error().message, "no such runtime here");
  says(make_with("/nonexistent.so").start().error().message, "/nonexistent.so");
}

BOOST_AUTO_TEST_CASE(automatic_selection_lists_what_it_left_out_and_why) {
  HostOptions options;
  options.directory = TEST_ADAPTERS;
  BOOST_TEST_REQUIRE(make(options).start().has_value());
  std::size_t running = 0;
  for (const auto& info : host->adapters()) {
    running += info.state == State::running ? 1U : 0U;
    if (info.name == "refusing") {
      BOOST_TEST((info.state == State::not_chosen));
      BOOST_TEST(info.reason == "no such runtime here");
      BOOST_TEST(info.selection == "not chosen: no such runtime here");
    }
    if (info.name == "broken") {
      BOOST_TEST((info.state == State::failed));
      BOOST_TEST(info.selection == "not chosen: it cannot be used");
    }
  }
  BOOST_TEST(running == 10U);
  BOOST_TEST(logged("minimal-c: chosen: its probe found the runtime on this node; version 1.0"));
  BOOST_TEST(logged("refusing: not chosen: no such runtime here"));
  stop(20ms);  // mute never stops
}

BOOST_AUTO_TEST_CASE(an_adapter_directory_that_is_not_there_is_empty) {
  HostOptions options;
  options.directory = "/nonexistent/adapters";
  BOOST_TEST(make(options).start().has_value());
  BOOST_TEST(host->adapters().empty());
}

BOOST_AUTO_TEST_CASE(two_adapters_may_not_serve_one_runtime) {
  const Scratch copy;
  fs::copy_file(test_adapter("minimal_c"), copy.path() / "again.so");
  HostOptions options;
  options.automatic = false;
  options.selected = {test_adapter("minimal_c"), copy.path() / "again.so"};
  says(make(options).start().error().message, "of this name is loaded already");
}

BOOST_AUTO_TEST_CASE(settings_of_an_unknown_adapter_or_key_are_errors) {
  HostOptions options;
  options.automatic = false;
  options.selected = {test_adapter("minimal_c")};
  options.config["minimal-c"]["colour"] = std::string("red");
  says(make(options).start().error().message, "it takes no setting colour");
  options.config.clear();
  options.config["nobody"]["x"] = std::int64_t{1};
  says(make(options).start().error().message, "settings for adapter \"nobody\"");
}

BOOST_AUTO_TEST_CASE(cri_o_is_loaded_by_name_and_serves_two_runtimes) {
  HostOptions options;
  options.automatic = false;
  options.directory = ADAPTERS;
  options.selected = {"cri-o"};
  const Scratch node;
  node.write("usr/bin/podman", "");
  options.config["cri-o"]["root"] = node.path().string();
  BOOST_TEST_REQUIRE(make(options).start().has_value());
  BOOST_TEST(host->adapters().at(0).runtimes == (std::vector<std::string>{"cri-o", "podman"}));

  auto state = state_of("c1");
  state.annotations = {{"io.kubernetes.pod.namespace", "payments"},
                       {"io.kubernetes.pod.name", "api-0"},
                       {"usher.io/label.app", "api"}};
  const auto who = identify("podman", state);
  BOOST_TEST_REQUIRE(who.has_value(), who.error().message);
  BOOST_TEST(who->pod_namespace == "payments");
  BOOST_TEST(who->pod_labels.at("app") == "api");
  // The same annotations under CRI-O's name are worth nothing.
  says(identify("cri-o", state).error().message, "io.kubernetes.cri-o.ContainerType is missing");
}

BOOST_AUTO_TEST_CASE(cri_o_says_why_it_is_not_chosen) {
  HostOptions options;
  options.directory = ADAPTERS;
  const Scratch empty;
  options.config["cri-o"]["root"] = empty.path().string();
  BOOST_TEST_REQUIRE(make(options).start().has_value());
  const auto adapters = host->adapters();
  const auto cri_o = std::ranges::find(adapters, "cri-o", [](const auto& a) { return a.name; });
  BOOST_TEST_REQUIRE((cri_o != adapters.end()));
  BOOST_TEST((cri_o->state == State::not_chosen));
  says(cri_o->reason, "neither CRI-O nor podman is here");
}

BOOST_AUTO_TEST_CASE(a_misspelt_setting_of_cri_o_is_refused) {
  HostOptions options;
  options.automatic = false;
  options.directory = ADAPTERS;
  options.selected = {"cri-o"};
  options.config["cri-o"]["sockte"] = std::string("/x");
  says(make(options).start().error().message, "unknown setting \"sockte\"");
}

BOOST_AUTO_TEST_SUITE_END()
