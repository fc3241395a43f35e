// Who a container is by its state's keys: real ones of every version, joined with NRI's or CRI's
// record, and forged ones.
#include "containerd/identify.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "cri/cri.pb.h"
#include "link_fixture.hpp"
#include "unit/cri/fake_server.hpp"

namespace usher::containerd::test {
namespace {

using usher::test::FakeServer;
using Keys = std::map<std::string, std::string>;

Keys fixture(const std::string& name) {
  std::ifstream file(std::string(TEST_SOURCE_DIR) + "/fixtures/oci/" + name + "-config.json");
  return nlohmann::json::parse(file).at("annotations").get<Keys>();
}

plugin::Identity identity_by(const Keys& keys, const std::string& id) {
  std::vector<usher_pair> pairs;
  for (const auto& [key, value] : keys) {
    pairs.push_back({plugin::raw(key), plugin::raw(value)});
  }
  usher_oci_state state{};
  state.size = sizeof state;
  state.runtime = plugin::raw("containerd");
  state.id = plugin::raw(id);
  state.annotations = pairs.data();
  state.annotation_count = pairs.size();
  return containerd::identify(plugin::OciState(state));
}

const std::vector<std::string> kVersions = {"containerd-1.6.20", "containerd-1.7.24-basespec",
                                            "containerd-1.7.24-nri", "containerd-2.1.9-basespec",
                                            "containerd-2.1.9-nri"};

void refused(const Keys& keys, const std::string& id, const std::string& why) {
  BOOST_CHECK_EXCEPTION(identity_by(keys, id), plugin::Failure,
                        [&](const plugin::Failure& failure) {
                          BOOST_TEST_MESSAGE(failure.what());
                          return std::string(failure.what()).find(why) != std::string::npos;
                        });
}

struct WithCri : LinkFixture {
  FakeServer server{cri_socket};

  void serve_cri(const std::string& pod_namespace) {
    server.handlers["PodSandboxStatus"] = [=](const std::string&) {
      cri::v1::PodSandboxStatusResponse response;
      auto& status = *response.mutable_status();
      status.set_id("s1");
      status.mutable_metadata()->set_namespace_(pod_namespace);
      status.mutable_metadata()->set_name("api");
      auto* entry = status.add_labels();
      entry->set_key("app");
      entry->set_value("of-cri");
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
    server.handlers["Version"] = [](const std::string&) {
      cri::v1::VersionResponse response;
      response.set_runtime_name("containerd");
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
    for (const auto* empty : {"ListPodSandbox", "ListContainers"}) {
      server.handlers[empty] = [](const std::string&) { return FakeServer::Reply{}; };
    }
    server.start();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(containerd_identity, WithCri)

BOOST_AUTO_TEST_CASE(every_versions_container_is_read) {
  for (const auto& version : kVersions) {
    const auto who = identity_by(fixture(version + "-container"), "0123");
    BOOST_TEST(who.pod_namespace == "ns1");
    BOOST_TEST(who.pod_name == "web-0");
    BOOST_TEST(who.pod_uid == "11111111-2222-3333-4444-555555555555");
    BOOST_TEST(who.container_name == "main");
    BOOST_TEST(who.container_id == "0123");
    BOOST_TEST(who.image == "localhost/proto/busybox:1");
    BOOST_TEST(!who.is_sandbox);
    BOOST_TEST(!who.labels_known);
    BOOST_TEST(who.handler_unknown);
    BOOST_TEST(who.record_unknown);
  }
}

BOOST_AUTO_TEST_CASE(every_versions_sandbox_is_a_sandbox) {
  for (const auto& version : kVersions) {
    auto keys = fixture(version + "-sandbox");
    const auto who = identity_by(keys, keys.at("io.kubernetes.cri.sandbox-id"));
    BOOST_TEST(who.is_sandbox);
    BOOST_TEST(who.container_name == "");
    refused(keys, "0123", "io.kubernetes.cri.sandbox-id");
  }
}

BOOST_AUTO_TEST_CASE(a_key_that_is_missing_or_malformed_is_named) {
  const auto good = fixture("containerd-2.1.9-nri-container");
  for (const auto* key :
       {"container-type", "sandbox-id", "sandbox-namespace", "sandbox-name", "container-name"}) {
    const auto name = "io.kubernetes.cri." + std::string(key);
    auto keys = good;
    keys.erase(name);
    refused(keys, "0123", name + " is missing");
    keys[name] = "a/../b";
    refused(keys, "0123", name);
  }
  auto keys = good;
  keys["io.kubernetes.cri.sandbox-id"] = "0123";
  refused(keys, "0123", "io.kubernetes.cri.sandbox-id");
}

BOOST_AUTO_TEST_CASE(another_runtimes_keys_change_nothing) {
  auto keys = fixture("containerd-2.1.9-nri-container");
  const auto who = identity_by(keys, "0123");
  for (const auto* key :
       {"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.Namespace",
        "io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.pod.uid",
        "io.kubernetes.container.name", "io.kubernetes.cri-o.SandboxID", "usher.io/label.app",
        "io.kubernetes.cri.runtime-handler"}) {
    keys[key] = "kube-system";
  }
  const auto again = identity_by(keys, "0123");
  BOOST_TEST(again.pod_namespace == who.pod_namespace);
  BOOST_TEST(again.pod_name == who.pod_name);
  BOOST_TEST(again.pod_uid == who.pod_uid);
  BOOST_TEST(again.sandbox_id == who.sandbox_id);
  BOOST_TEST(again.runtime_handler == "");
  BOOST_TEST(again.pod_labels.empty());
}

BOOST_AUTO_TEST_CASE(nris_record_gives_labels_and_handler_without_a_question_over_cri) {
  serve_cri("payments");
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = pod("s1", "other");
  registered(list);
  const auto& who = identify();
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(who->labels_known);
  BOOST_TEST(who->pod_labels.at("app") == "api");
  BOOST_TEST(who->runtime_handler == "other");
  BOOST_TEST(!who->handler_unknown);
  BOOST_TEST(!who->record_unknown);
  BOOST_TEST(who->labels_source == std::string(kNriSource));
  BOOST_TEST(std::ranges::count(server.asked(), "PodSandboxStatus") == 0);
}

BOOST_AUTO_TEST_CASE(keys_that_disagree_with_nris_record_are_refused) {
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = pod();
  registered(list);
  const auto& who = identify("s1", "kube-system");
  BOOST_REQUIRE(!who.has_value());
  BOOST_TEST(who.error().message.find("neither is believed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_pod_that_nri_did_not_tell_of_is_asked_for_over_cri) {
  serve_cri("payments");
  serve();
  start();
  registered();
  const auto& who = identify();
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(who->pod_labels.at("app") == "of-cri");
  BOOST_TEST(!who->handler_unknown);  // the default one
  BOOST_TEST(!who->record_unknown);
}

BOOST_AUTO_TEST_CASE(without_nri_cri_lists_and_joins) {
  serve_cri("payments");
  start();
  run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  run_until([&] { return healthy(); });
  BOOST_TEST(host.healths.back().find("without NRI") != std::string::npos);
  BOOST_TEST(identify()->pod_labels.at("app") == "of-cri");
  const auto& liar = identify("s1", "kube-system");
  BOOST_TEST(!liar.has_value());
}

BOOST_AUTO_TEST_CASE(nri_takes_the_list_over_from_cri) {
  serve_cri("payments");
  start();
  run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  serve();
  registered();
  BOOST_TEST(count(USHER_EVENT_SYNCED) == 2U);
  BOOST_TEST(healthy());
  BOOST_TEST(host.healths.back().find("without NRI") == std::string::npos);
  server.stop();  // no matter now
  BOOST_TEST(ask("StateChange", event(1, pod())).has_value());
  BOOST_TEST(healthy());
}

// A policy that asks for a handler must not take its absence for the default one.
BOOST_AUTO_TEST_CASE(where_nobody_answers_the_keys_are_taken_and_the_rest_is_not_known) {
  start();
  const auto& who = identify();
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(who->pod_namespace == "payments");
  BOOST_TEST(!who->labels_known);
  BOOST_TEST(who->handler_unknown);
  BOOST_TEST(who->record_unknown);
}

BOOST_AUTO_TEST_CASE(without_nri_a_record_that_was_missed_is_learned_from_another_list) {
  serve_cri("payments");
  server.handlers["PodSandboxStatus"] = [](const std::string&) {
    return FakeServer::Reply{{}, {}, true};
  };
  start({{"cri.deadline_ms", std::int64_t{300}}});
  run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  run_until([&] { return healthy(); });
  BOOST_TEST(!identify()->labels_known);
  run_until([&] { return count(USHER_EVENT_SYNCED) >= 2; });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(containerd_settings)

BOOST_AUTO_TEST_CASE(a_setting_that_cannot_be_is_named) {
  const std::vector<std::pair<adapter::Config, std::string>> wrong = {
      {{{"mode", std::string("open")}}, "\"mode\" must be closed, nri or inject"},
      {{{"nri.index", std::string("5")}}, "nri.index"},
      {{{"nri.index", std::string("1a")}}, "nri.index"},
      {{{"nri.name", std::string("a b")}}, "nri.name"},
      {{{"nri.socket", std::string("nri.sock")}}, "absolute"},
      {{{"cri.deadline_ms", std::int64_t{0}}}, "cri.deadline_ms"},
      {{{"timeout", std::int64_t{1}}}, "timeout"},
      {{{"fail", std::string("maybe")}}, "fail"},
      {{{"nri.sokcet", std::string("/x")}}, "nri.sokcet"}};
  for (const auto& [config, words] : wrong) {
    const adapter::RawSettings raw(config);
    BOOST_CHECK_EXCEPTION(Options::from(plugin::Settings(raw.get())), plugin::Failure,
                          [&](const plugin::Failure& failure) {
                            return std::string(failure.what()).find(words) != std::string::npos;
                          });
  }
}

BOOST_AUTO_TEST_CASE(sockets_lie_below_another_root) {
  const adapter::Config config{{"root", std::string("/host")}};
  const adapter::RawSettings raw(config);
  const auto options = Options::from(plugin::Settings(raw.get()));
  BOOST_TEST(options.nri_socket == "/host/run/nri/nri.sock");
  BOOST_TEST(options.cri_socket == "/host/run/containerd/containerd.sock");
  BOOST_TEST((options.mode == Mode::closed));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::containerd::test
