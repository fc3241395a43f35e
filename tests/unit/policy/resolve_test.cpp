#include "policy/resolve.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>

#include "parsed.hpp"

using namespace usher;
using namespace usher::test;

namespace {

identity::Identity payments_api() {
  identity::Identity who;
  who.pod_namespace = "payments";
  who.pod_name = "api-1";
  who.container_name = "main";
  who.image = "registry.example/pay/api:1";
  who.runtime_handler = "kata";
  who.pod_labels = {{"app", "api"}, {"tier", "gold"}};
  who.labels_known = true;
  return who;
}

std::shared_ptr<const policy::Policy> selecting(const std::string& select,
                                                const std::string& name = "p") {
  return parsed("[policy]\nname = \"" + name + "\"\n[select]\n" + select +
                "\n[defaults]\nexec = \"deny\"\n");
}

bool selects(const std::string& select, const identity::Identity& who = payments_api()) {
  return policy::selects(selecting(select)->select, who, "cri-o");
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_part_that_is_given_must_hold) {
  BOOST_TEST(selects("all = true"));
  BOOST_TEST(selects("namespaces = [\"other\", \"pay*\"]"));
  BOOST_TEST(!selects("namespaces = [\"other\"]"));
  BOOST_TEST(selects("pod_labels = { app = \"api\", tier = \"gold\" }"));
  BOOST_TEST(!selects("pod_labels = { app = \"api\", tier = \"silver\" }"));
  BOOST_TEST(selects("containers = [\"ma*\"]"));
  BOOST_TEST(!selects("containers = [\"sidecar\"]"));
  BOOST_TEST(selects("images = [\"registry.example/*\"]"));
  BOOST_TEST(!selects("images = [\"registry.example/pay\"]"));
  BOOST_TEST(selects("runtime_handlers = [\"runc\", \"kata\"]"));
  BOOST_TEST(!selects("runtime_handlers = [\"k*\"]"));  // names, no globs
  BOOST_TEST(selects("runtimes = [\"cri-o\"]"));
  BOOST_TEST(!selects("runtimes = [\"podman\"]"));
  BOOST_TEST(!selects("namespaces = [\"payments\"]\ncontainers = [\"sidecar\"]"));
}

BOOST_AUTO_TEST_CASE(label_expressions_mean_what_they_mean_in_kubernetes) {
  const auto with = [](const std::string& e) { return selects("pod_expressions = [{" + e + "}]"); };
  BOOST_TEST(with(R"(key = "tier", operator = "In", values = ["silver", "gold"])"));
  BOOST_TEST(!with(R"(key = "tier", operator = "In", values = ["silver"])"));
  BOOST_TEST(!with(R"(key = "none", operator = "In", values = ["x"])"));
  BOOST_TEST(!with(R"(key = "tier", operator = "NotIn", values = ["gold"])"));
  BOOST_TEST(with(R"(key = "none", operator = "NotIn", values = ["gold"])"));
  BOOST_TEST(with(R"(key = "tier", operator = "Exists")"));
  BOOST_TEST(!with(R"(key = "none", operator = "Exists")"));
  BOOST_TEST(!with(R"(key = "tier", operator = "DoesNotExist")"));
  BOOST_TEST(with(R"(key = "none", operator = "DoesNotExist")"));
}

BOOST_AUTO_TEST_CASE(a_workload_without_kubernetes_identity_is_taken_by_all_and_by_runtime_only) {
  const identity::Identity nobody;
  BOOST_TEST(selects("all = true", nobody));
  BOOST_TEST(selects("runtimes = [\"cri-o\"]", nobody));
  BOOST_TEST(!selects("namespaces = [\"*\"]", nobody));
  BOOST_TEST(!selects("images = [\"*\"]", nobody));
}

BOOST_AUTO_TEST_CASE(sandboxes_are_taken_only_when_asked_for) {
  auto sandbox = payments_api();
  sandbox.is_sandbox = true;
  BOOST_TEST(!selects("all = true", sandbox));
  BOOST_TEST(selects("all = true\nsandboxes = true", sandbox));
}

BOOST_AUTO_TEST_CASE(labels_that_are_not_known_are_an_error_only_where_they_would_decide) {
  auto who = payments_api();
  who.labels_known = false;
  who.pod_labels.clear();
  const auto elsewhere = selecting("namespaces = [\"web\"]\npod_labels = { app = \"x\" }", "a");
  const auto here = selecting("namespaces = [\"payments\"]\npod_labels = { app = \"x\" }", "b");
  const auto plain = selecting("all = true", "c");
  BOOST_TEST(policy::resolve({{elsewhere, plain}}, who, "cri-o").value().policies.size() == 1);
  const auto refused = policy::resolve({{elsewhere, here, plain}}, who, "cri-o");
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST(refused.error().message.find("whether b applies") == 0);
}

BOOST_AUTO_TEST_CASE(a_handler_that_is_not_known_is_an_error_only_where_it_would_decide) {
  auto who = payments_api();
  who.handler_unknown = true;  // said of a runtime that tells it now and then: what it told counts
  const auto here = selecting("namespaces = [\"payments\"]\nruntime_handlers = [\"kata\"]", "b");
  BOOST_TEST(policy::resolve({{here}}, who, "cri-o").value().policies.size() == 1);
  who.runtime_handler.clear();
  const auto refused = policy::resolve({{here}}, who, "cri-o");
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST(
      refused.error().message.find("whether b applies depends on the pod's runtime handler") == 0);
  const auto plain = selecting("all = true", "c");
  const auto elsewhere = selecting("namespaces = [\"web\"]\nruntime_handlers = [\"kata\"]", "a");
  const auto labelled =
      selecting("pod_labels = { app = \"x\" }\nruntime_handlers = [\"kata\"]", "d");
  const auto other = selecting("runtimes = [\"containerd\"]\nruntime_handlers = [\"kata\"]", "e");
  BOOST_TEST(policy::resolve({{elsewhere, labelled, other, plain}}, who, "cri-o")
                 .value()
                 .policies.size() == 1);
  who.handler_unknown = false;  // it has none
  BOOST_TEST(policy::resolve({{here, plain}}, who, "cri-o").value().policies.size() == 1);
}

BOOST_AUTO_TEST_CASE(the_policies_that_apply_keep_the_order_of_the_set) {
  const auto a = selecting("all = true", "a");
  const auto b = selecting("namespaces = [\"web\"]", "b");
  const auto c = selecting("pod_labels = { app = \"api\" }", "c");
  const auto rules = policy::resolve({{a, b, c}}, payments_api(), "cri-o");
  BOOST_REQUIRE(rules.has_value());
  BOOST_TEST((*rules == policy::RuleSet{{a, c}}));
}

BOOST_AUTO_TEST_CASE(resolving_a_thousand_policies_is_quick) {
  policy::PolicySet set;
  for (int i = 0; i < 1000; ++i) {
    auto p = std::make_shared<policy::Policy>();
    p->name = "policy-" + std::to_string(i);
    p->select.namespaces = {i % 10 == 0 ? "pay*" : "ns-" + std::to_string(i)};
    p->select.pod_labels = {{"app", "api"}};
    set.policies.push_back(std::move(p));
  }
  const auto who = payments_api();
  auto best = std::chrono::nanoseconds::max();
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto rules = policy::resolve(set, who, "cri-o");
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
    BOOST_REQUIRE_EQUAL(rules.value().policies.size(), 100);
  }
  BOOST_TEST_MESSAGE("resolve of 1,000 policies: " << best.count() / 1000 << " us");
  BOOST_TEST(best.count() < 3'000'000);  // ten times the goal: the machine may be busy
}
