#include "hook/exempt.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace usher::hook;

namespace {

State crio(std::string pod_namespace) {
  return {"c1",
          {{"io.kubernetes.cri-o.ContainerType", "container"},
           {"io.kubernetes.pod.namespace", std::move(pod_namespace)},
           {"io.kubernetes.pod.name", "web-0"},
           {"io.kubernetes.cri-o.ImageName", "registry.example/sys/agent:1"},
           {"io.kubernetes.cri-o.Labels", R"({"tier":"node"})"},
           {"note", "yes"}}};
}

bool exempt(const Exemptions& rules, std::string_view runtime, const State& state) {
  return is_exempt(rules, subject_of(runtime, state), state.annotations);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_default_namespace_is_exempt_under_its_runtimes_own_key) {
  BOOST_TEST(exempt({}, "cri-o", crio("kube-system")));
  BOOST_TEST(exempt({}, "cri-o", crio("usher-system")));
  BOOST_TEST(!exempt({}, "cri-o", crio("payments")));
  BOOST_TEST(!exempt({}, "cri-o", crio("kube-system2")));
  BOOST_TEST(exempt({}, "podman", State{"c", {{"io.kubernetes.pod.namespace", "kube-system"}}}));
  BOOST_TEST(exempt({}, "containerd",
                    State{"c",
                          {{"io.kubernetes.cri.container-type", "container"},
                           {"io.kubernetes.cri.sandbox-namespace", "kube-system"}}}));
}

BOOST_AUTO_TEST_CASE(another_runtimes_key_exempts_nobody) {
  State forged = crio("payments");
  forged.annotations["io.kubernetes.cri.sandbox-namespace"] = "kube-system";
  forged.annotations["io.kubernetes.cri.container-type"] = "container";
  forged.annotations["io.kubernetes.cri-o.Namespace"] = "kube-system";
  BOOST_TEST(!exempt({}, "cri-o", forged));
  BOOST_TEST(exempt({}, "containerd", forged));  // the same annotations, where that key is owned
  BOOST_TEST(!exempt({}, "containerd", crio("kube-system")));
}

BOOST_AUTO_TEST_CASE(an_unknown_runtime_and_a_sandbox_are_never_exempt) {
  BOOST_TEST(!exempt({}, "kata", crio("kube-system")));
  BOOST_TEST(!exempt({}, "", crio("kube-system")));
  State sandbox = crio("kube-system");
  sandbox.annotations["io.kubernetes.cri-o.ContainerType"] = "sandbox";
  BOOST_TEST(!exempt({}, "cri-o", sandbox));
  sandbox.annotations.erase("io.kubernetes.cri-o.ContainerType");
  BOOST_TEST(!exempt({}, "cri-o", sandbox));
}

BOOST_AUTO_TEST_CASE(a_missing_or_empty_namespace_matches_no_glob) {
  Exemptions all;
  all.namespaces = {"*"};
  BOOST_TEST(exempt(all, "cri-o", crio("payments")));
  BOOST_TEST(!exempt(all, "cri-o", crio("")));
  BOOST_TEST(!exempt(all, "podman", State{"c", {}}));
}

BOOST_AUTO_TEST_CASE(all_that_narrows_must_hold) {
  Exemptions rules;
  rules.labels = {{"tier", "node"}};
  rules.annotations = {{"note", "yes"}};
  rules.images = {"other/*", "registry.example/sys/*"};
  BOOST_TEST(exempt(rules, "cri-o", crio("kube-system")));
  BOOST_TEST(!exempt(rules, "cri-o", crio("payments")));

  State state = crio("kube-system");
  state.annotations["note"] = "no";
  BOOST_TEST(!exempt(rules, "cri-o", state));
  state = crio("kube-system");
  state.annotations["io.kubernetes.cri-o.ImageName"] = "registry.example/app:1";
  BOOST_TEST(!exempt(rules, "cri-o", state));
  state = crio("kube-system");
  state.annotations["io.kubernetes.cri-o.Labels"] = R"({"tier":"app"})";
  BOOST_TEST(!exempt(rules, "cri-o", state));
  state.annotations["io.kubernetes.cri-o.Labels"] = "no json";
  BOOST_TEST(!exempt(rules, "cri-o", state));
  state = crio("kube-system");
  state.annotations.erase("io.kubernetes.cri-o.ImageName");
  BOOST_TEST(!exempt(rules, "cri-o", state));
}

BOOST_AUTO_TEST_CASE(podmans_labels_are_those_that_its_caller_annotates) {
  Exemptions rules;
  rules.labels = {{"tier", "node"}};
  const State state{
      "c", {{"io.kubernetes.pod.namespace", "kube-system"}, {"usher.io/label.tier", "node"}}};
  BOOST_TEST(exempt(rules, "podman", state));
  State crio_state = crio("kube-system");
  crio_state.annotations["io.kubernetes.cri-o.Labels"] = "{}";
  crio_state.annotations["usher.io/label.tier"] = "node";
  BOOST_TEST(!exempt(rules, "cri-o", crio_state));
}

BOOST_AUTO_TEST_CASE(podmans_image_is_the_one_that_its_caller_annotates) {
  Exemptions rules;
  rules.images = {"registry.example/sys/*"};
  State state{"c",
              {{"io.kubernetes.pod.namespace", "kube-system"},
               {"usher.io/image", "registry.example/sys/agent:1"}}};
  BOOST_TEST(exempt(rules, "podman", state));
  state.annotations["usher.io/image"] = "registry.example/app:1";
  BOOST_TEST(!exempt(rules, "podman", state));
}

BOOST_AUTO_TEST_CASE(labels_that_a_runtime_does_not_give_do_not_hold) {
  Exemptions rules;
  rules.labels = {{"tier", "node"}};
  BOOST_TEST(
      !exempt(rules, "podman",
              State{"c", {{"io.kubernetes.pod.namespace", "kube-system"}, {"tier", "node"}}}));
}
