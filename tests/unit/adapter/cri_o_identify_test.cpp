// Identity from states of CRI-O and podman: real annotations, and forged ones.
#include "cri-o/identify.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

using usher::cri_o::identify_cri_o;
using usher::cri_o::identify_podman;
using usher::plugin::Failure;
using usher::plugin::Identity;

namespace {

using Annotations = std::map<std::string, std::string>;
const std::string kId = "39cd6a72be906f365f37477072c1bdcc61e62f7f10e691dba1b7c1df3a79fa4e";
const std::string kSandbox = "98afa1092d4424ce9f2e31de72e35e9e62066219e9145803dfb0ceacb9e0f153";

Annotations fixture(const std::string& name) {
  std::ifstream file(std::string(TEST_SOURCE_DIR) + "/fixtures/oci/" + name);
  return nlohmann::json::parse(file).at("annotations").get<Annotations>();
}

Annotations crio_container() {
  return fixture("cri-o-1.37.0-container-config.json");
}

Identity ask(Identity (*identify)(const usher::plugin::OciState&), const std::string& runtime,
             const std::string& id, const Annotations& annotations) {
  std::vector<usher_pair> pairs;
  for (const auto& [key, value] : annotations) {
    pairs.push_back({usher::plugin::raw(key), usher::plugin::raw(value)});
  }
  usher_oci_state state{};
  state.size = sizeof state;
  state.runtime = usher::plugin::raw(runtime);
  state.id = usher::plugin::raw(id);
  state.annotations = pairs.data();
  state.annotation_count = pairs.size();
  return identify(usher::plugin::OciState(state));
}

Identity crio(const Annotations& annotations, const std::string& id = kId) {
  return ask(identify_cri_o, "cri-o", id, annotations);
}
Identity podman(const Annotations& annotations) {
  return ask(identify_podman, "podman", kId, annotations);
}

void refused(const std::function<void()>& call, const std::string& key, const std::string& why) {
  BOOST_CHECK_EXCEPTION(call(), Failure, [&](const Failure& failure) {
    const std::string message = failure.what();
    BOOST_TEST_MESSAGE(message);
    return message.find(key) != std::string::npos && message.find(why) != std::string::npos;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cri_o_identity)

BOOST_AUTO_TEST_CASE(a_real_container_is_read) {
  const auto who = crio(crio_container());
  BOOST_TEST(who.pod_namespace == "ns1");
  BOOST_TEST(who.pod_name == "web-0");
  BOOST_TEST(who.pod_uid == "11111111-2222-3333-4444-555555555555");
  BOOST_TEST(who.container_name == "main");
  BOOST_TEST(who.container_id == kId);
  BOOST_TEST(who.sandbox_id == kSandbox);
  BOOST_TEST(who.image == "localhost/proto/busybox:1");
  BOOST_TEST(!who.is_sandbox);
  BOOST_TEST(!who.labels_known);
  BOOST_TEST(who.pod_labels.empty());
}

BOOST_AUTO_TEST_CASE(a_real_sandbox_is_a_sandbox_and_nothing_else) {
  const auto who = crio(fixture("cri-o-1.37.0-sandbox-config.json"), kSandbox);
  BOOST_TEST(who.is_sandbox);
  BOOST_TEST(who.container_id == kSandbox);
  BOOST_TEST(who.pod_namespace == "");
  BOOST_TEST(who.pod_name == "");
  BOOST_TEST(who.pod_uid == "");
  BOOST_TEST(who.image == "");
  BOOST_TEST(!who.labels_known);
}

BOOST_AUTO_TEST_CASE(keys_that_a_pod_author_can_forge_change_nothing) {
  const auto real = crio(crio_container());
  auto forged = crio_container();
  for (const char* key :
       {"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name",
        "io.kubernetes.cri.sandbox-uid", "io.kubernetes.cri.container-type",
        "io.kubernetes.cri-o.Namespace", "io.kubernetes.cri-o.KubeName",
        "io.kubernetes.cri-o.RuntimeHandler", "io.kubernetes.cri-o.HostNetwork",
        "io.kubernetes.cri-o.CgroupParent", "usher.io/label.app", "usher.io/image",
        "IO.KUBERNETES.POD.NAMESPACE", "io.kubernetes.pod.namespace "}) {
    forged[key] = "kube-system";
  }
  forged["io.kubernetes.cri-o.Labels"] = R"({"app":"trusted"})";
  const auto who = crio(forged);
  BOOST_TEST(who.pod_namespace == real.pod_namespace);
  BOOST_TEST(who.pod_name == real.pod_name);
  BOOST_TEST(who.pod_uid == real.pod_uid);
  BOOST_TEST(who.image == real.image);
  BOOST_TEST(who.runtime_handler == "");
  BOOST_TEST(who.pod_labels.empty());
  BOOST_TEST(!who.labels_known);
}

BOOST_AUTO_TEST_CASE(each_missing_key_is_named) {
  for (const char* key :
       {"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.ContainerID",
        "io.kubernetes.cri-o.SandboxID", "io.kubernetes.pod.namespace", "io.kubernetes.pod.name",
        "io.kubernetes.pod.uid", "io.kubernetes.container.name"}) {
    auto annotations = crio_container();
    annotations.erase(key);
    refused([&] { crio(annotations); }, key, "is missing");
    annotations[key] = "";
    refused([&] { crio(annotations); }, key, "not a name");
    annotations[key] = std::string("a\0b", 3);
    refused([&] { crio(annotations); }, key, "not a name");
    annotations[key] = "a/b";
    refused([&] { crio(annotations); }, key, "not a name");
    annotations[key] = std::string(300, 'a');
    refused([&] { crio(annotations); }, key, "not a name");
  }
}

BOOST_AUTO_TEST_CASE(ids_must_be_those_of_the_state) {
  refused([] { crio(crio_container(), std::string(64, 'b')); }, "io.kubernetes.cri-o.ContainerID",
          "state is of container");
  auto annotations = crio_container();
  annotations["io.kubernetes.cri-o.SandboxID"] = kId;
  refused([&] { crio(annotations); }, "io.kubernetes.cri-o.SandboxID", "the container itself");
}

BOOST_AUTO_TEST_CASE(another_kind_is_refused) {
  auto annotations = crio_container();
  annotations["io.kubernetes.cri-o.ContainerType"] = "vm";
  refused([&] { crio(annotations); }, "io.kubernetes.cri-o.ContainerType", "container or sandbox");
}

BOOST_AUTO_TEST_CASE(a_containerd_container_is_none_of_cri_os) {
  refused([] { crio(fixture("containerd-2.1.9-nri-container-config.json")); },
          "io.kubernetes.cri-o.ContainerType", "--runtime");
}

BOOST_AUTO_TEST_CASE(podmans_identity_is_what_its_caller_says) {
  const auto who = podman({{"io.kubernetes.pod.namespace", "payments"},
                           {"io.kubernetes.pod.name", "api-0"},
                           {"io.kubernetes.pod.uid", "u-1"},
                           {"io.kubernetes.container.name", "main"},
                           {"usher.io/label.app", "api"},
                           {"usher.io/label.example.com/tier", "gold, silver"},
                           {"usher.io/label.", "no name"},
                           {"usher.io/image", "registry.example/pay/api:1"}});
  BOOST_TEST(who.pod_namespace == "payments");
  BOOST_TEST(who.pod_name == "api-0");
  BOOST_TEST(who.pod_uid == "u-1");
  BOOST_TEST(who.container_name == "main");
  BOOST_TEST(who.container_id == kId);
  BOOST_TEST(who.image == "registry.example/pay/api:1");
  BOOST_TEST(who.labels_known);
  BOOST_TEST(who.pod_labels.size() == 2U);
  BOOST_TEST(who.pod_labels.at("example.com/tier") == "gold, silver");
  BOOST_TEST(who.labels_source.find("as the caller wrote them") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(podman_without_annotations_has_no_pod) {
  const auto who = podman({{"io.container.manager", "libpod"}});
  BOOST_TEST(who.pod_namespace == "");
  BOOST_TEST(who.container_id == kId);
  BOOST_TEST(who.labels_known);
  BOOST_TEST(who.pod_labels.empty());
}

BOOST_AUTO_TEST_CASE(another_runtimes_keys_under_podman_change_nothing) {
  const auto who = podman({{"io.kubernetes.cri.sandbox-namespace", "kube-system"},
                           {"io.kubernetes.cri.sandbox-name", "x"},
                           {"io.kubernetes.cri.sandbox-uid", "y"},
                           {"io.kubernetes.cri-o.ContainerType", "sandbox"},
                           {"io.kubernetes.cri-o.ContainerID", "z"},
                           {"io.kubernetes.cri-o.Labels", "{\"app\":\"api\"}"}});
  BOOST_TEST(who.pod_namespace == "");
  BOOST_TEST(who.pod_name == "");
  BOOST_TEST(!who.is_sandbox);
  BOOST_TEST(who.container_id == kId);
}

BOOST_AUTO_TEST_CASE(half_an_identity_is_refused) {
  refused([] { podman({{"io.kubernetes.pod.name", "a"}}); }, "io.kubernetes.pod.namespace",
          "is missing");
  refused([] { podman({{"io.kubernetes.pod.uid", "a"}}); }, "io.kubernetes.pod.namespace",
          "is missing");
  refused([] { podman({{"io.kubernetes.container.name", "a"}}); }, "io.kubernetes.pod.namespace",
          "is missing");
  refused([] { podman({{"usher.io/label.app", "a"}}); }, "io.kubernetes.pod.namespace",
          "usher.io/label.app");
  refused([] { podman({{"io.kubernetes.pod.namespace", "a"}}); }, "io.kubernetes.pod.name",
          "is missing");
  refused([] { podman({{"io.kubernetes.pod.namespace", ""}, {"io.kubernetes.pod.name", "a"}}); },
          "io.kubernetes.pod.namespace", "not a name");
}

BOOST_AUTO_TEST_SUITE_END()
