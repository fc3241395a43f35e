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

bool all_but_labels_hold(const Selector& selector, const identity::Identity& who,
                         std::string_view runtime) {
  return (!who.is_sandbox || selector.sandboxes) &&
         any_glob(selector.namespaces, who.pod_namespace) && any_of(selector.runtimes, runtime) &&
         any_of(selector.runtime_handlers, who.runtime_handler) &&
         any_glob(selector.containers, who.container_name) && any_glob(selector.images, who.image);
}

}  // namespace

bool selects(const Selector& selector, const identity::Identity& who, std::string_view runtime) {
  return all_but_labels_hold(selector, who, runtime) && labels_hold(selector, who.pod_labels);
}

Result<RuleSet> resolve(const PolicySet& set, const identity::Identity& who,
                        std::string_view runtime) {
  RuleSet out;
  std::string undecided;
  for (const auto& policy : set.policies) {
    const Selector& selector = policy->select;
    if (!all_but_labels_hold(selector, who, runtime)) {
      continue;
    }
    if (selector.needs_labels() && !who.labels_known) {
      undecided += (undecided.empty() ? "" : ", ") + policy->name;
    } else if (labels_hold(selector, who.pod_labels)) {
      out.policies.push_back(policy);
    }
  }
  if (!undecided.empty()) {
    return fail("whether " + undecided +
                " applies depends on the pod's labels, which the runtime did not give: check that "
                "the runtime's adapter is healthy (usherctl status), or select by namespace");
  }
  return out;
}

}  // namespace usher::policy
