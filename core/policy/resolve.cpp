#include "policy/resolve.hpp"

#include <algorithm>

#include "base/glob.hpp"

namespace usher::policy {
namespace {

bool any_glob(const std::vector<std::string>& patterns, std::string_view text) {
  return patterns.empty() || (!text.empty() && std::ranges::any_of(patterns, [&](const auto& p) {
           return glob_matches(p, text);
         }));
}

bool any_of(const std::vector<std::string>& names, std::string_view text) {
  return names.empty() || std::ranges::find(names, text) != names.end();
}

bool holds(const Expression& expression, const identity::Labels& labels) {
  const auto at = labels.find(expression.key);
  const bool has = at != labels.end();
  const bool in =
      has && std::ranges::find(expression.values, at->second) != expression.values.end();
  switch (expression.op) {
    case Expression::Operator::in:
      return in;
    case Expression::Operator::not_in:  // as in Kubernetes: a pod without the label passes
      return !in;
    case Expression::Operator::exists:
      return has;
    case Expression::Operator::does_not_exist:
      return !has;
  }
  return false;
}

bool labels_hold(const Selector& selector, const identity::Labels& labels) {
  return std::ranges::all_of(selector.pod_labels,
                             [&](const auto& wanted) {
                               const auto at = labels.find(wanted.first);
                               return at != labels.end() && at->second == wanted.second;
                             }) &&
         std::ranges::all_of(selector.pod_expressions,
                             [&](const auto& e) { return holds(e, labels); });
}

// Every part whose answer is always known.
bool plain_parts_hold(const Selector& selector, const identity::Identity& who,
                      std::string_view runtime) {
  return (!who.is_sandbox || selector.sandboxes) &&
         any_glob(selector.namespaces, who.pod_namespace) && any_of(selector.runtimes, runtime) &&
         any_glob(selector.containers, who.container_name) && any_glob(selector.images, who.image);
}

bool handler_holds(const Selector& selector, const identity::Identity& who) {
  return any_of(selector.runtime_handlers, who.runtime_handler);
}

void append(std::string& names, const std::string& name) {
  names += (names.empty() ? "" : ", ") + name;
}

}  // namespace

bool selects(const Selector& selector, const identity::Identity& who, std::string_view runtime) {
  return plain_parts_hold(selector, who, runtime) && handler_holds(selector, who) &&
         labels_hold(selector, who.pod_labels);
}

Result<RuleSet> resolve(const PolicySet& set, const identity::Identity& who,
                        std::string_view runtime) {
  RuleSet out;
  const bool handler_known = !who.handler_unknown || !who.runtime_handler.empty();
  std::string by_labels;
  std::string by_handler;
  for (const auto& policy : set.policies) {
    const Selector& selector = policy->select;
    const bool needs_handler = !selector.runtime_handlers.empty() && !handler_known;
    const bool needs_labels = selector.needs_labels() && !who.labels_known;
    // What is known may rule it out whatever the rest is.
    if (!plain_parts_hold(selector, who, runtime) ||
        (!needs_handler && !handler_holds(selector, who)) ||
        (!needs_labels && !labels_hold(selector, who.pod_labels))) {
      continue;
    }
    if (needs_handler) {
      append(by_handler, policy->name);
    } else if (needs_labels) {
      append(by_labels, policy->name);
    } else {
      out.policies.push_back(policy);
    }
  }
  if (!by_labels.empty()) {
    return fail("whether " + by_labels +
                " applies depends on the pod's labels, which the runtime did not give: check that "
                "the runtime's adapter is healthy (usherctl adapters), or select by namespace");
  }
  if (!by_handler.empty()) {
    return fail("whether " + by_handler +
                " applies depends on the pod's runtime handler, which the runtime did not give: "
                "CRI has a field for it that not every runtime fills (docs/policy-reference.md); "
                "select by namespace, or by runtimes those that do");
  }
  return out;
}

}  // namespace usher::policy
