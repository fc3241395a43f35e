#include "policy/check.hpp"

#include <algorithm>
#include <set>

#include "base/escape.hpp"
#include "base/glob.hpp"
#include "policy/resolve.hpp"

namespace usher::policy {
namespace {

constexpr std::size_t kWarnFrom = USHER_MAX_RULES * 8 / 10;

bool refuses(const Rule& rule) {
  return rule.action == Action::deny || rule.action == Action::kill;
}

bool denies(const Policy& policy) {
  return std::ranges::any_of(policy.rules, refuses) ||
         std::ranges::find(policy.defaults, Action::deny) != policy.defaults.end();
}

std::string author_chosen(const Selector& select) {
  std::string out;
  const auto add = [&out](bool used, std::string_view what) {
    if (used) {
      out += (out.empty() ? "" : ", ") + std::string(what);
    }
  };
  using enum Expression::Operator;
  const auto by_absence = [](const Expression& e) {
    return e.op == not_in || e.op == does_not_exist;
  };
  const auto by_presence = [](const Expression& e) { return e.op == in || e.op == exists; };
  add(!select.pod_labels.empty(), "pod_labels");
  add(std::ranges::any_of(select.pod_expressions, by_presence), "pod_expressions (In, Exists)");
  add(std::ranges::any_of(select.pod_expressions, by_absence),
      "pod_expressions (NotIn, DoesNotExist: a label added by the author is enough)");
  add(!select.containers.empty(), "containers");
  add(!select.images.empty(), "images");
  add(!select.runtime_handlers.empty(), "runtime_handlers");
  return out;
}

// Programs named one by one: not "/" or a directory, which a copy elsewhere would have to leave.
bool lists_programs(const Rule& rule) {
  return rule.on == Operation::exec && refuses(rule) &&
         std::ranges::any_of(rule.paths, [](const PathPattern& p) {
           return p.form != PathPattern::Form::tree || !p.path.empty();
         });
}

struct Load {
  std::array<std::size_t, kOperations> rules{};
  std::array<std::size_t, kOperations> groups{};
  std::array<std::string, kOperations> names;
};

Load load_of(const PolicySet& set, const std::string& name_space) {
  Load out;
  std::array<std::set<std::pair<Mode, std::string>>, kOperations> groups;
  for (const auto& policy : set.policies) {
    const auto& globs = policy->select.namespaces;
    const bool applies = globs.empty() || std::ranges::any_of(globs, [&](const auto& glob) {
                           return glob == name_space || glob_matches(glob, name_space);
                         });
    if (!applies) {
      continue;
    }
    for (std::size_t k = 0; k < kOperations; ++k) {
      const auto count = static_cast<std::size_t>(
          std::ranges::count(policy->rules, static_cast<Operation>(k), &Rule::on));
      out.rules[k] += count;
      if (count != 0) {
        out.names[k] +=
            (out.names[k].empty() ? "" : ", ") + policy->name + " (" + std::to_string(count) + ")";
      }
      if (policy->defaults[k] == Action::deny) {
        groups[k].emplace(policy->mode, policy->ceiling ? policy->name : "");
      }
    }
  }
  for (std::size_t k = 0; k < kOperations; ++k) {
    out.groups[k] = groups[k].size();
  }
  return out;
}

}  // namespace

std::vector<Diagnostic> check_policy(const Policy& policy) {
  std::vector<Diagnostic> out;
  if (policy.mode == Mode::enforce && denies(policy)) {
    if (const auto keys = author_chosen(policy.select); !keys.empty()) {
      out.push_back({policy.at,
                     "policy " + policy.name + " selects by what a pod's author chooses: " + keys +
                         "; a pod that is written otherwise is not held. Select by namespaces "
                         "alone where authors are not trusted",
                     true});
    }
  }
  const auto listed = std::ranges::find_if(policy.rules, lists_programs);
  if (listed != policy.rules.end() &&
      policy.defaults[static_cast<std::size_t>(Operation::exec)] != Action::deny) {
    out.push_back({listed->at,
                   "rule " + listed->name +
                       " denies programs by name: a deny-list of programs yields to copies and "
                       "interpreters; an allow-list ([defaults] exec = \"deny\" and allow rules) "
                       "does not",
                   true});
  }
  return out;
}

std::vector<Diagnostic> check_set(const PolicySet& set) {
  std::set<std::string> candidates = {""};
  for (const auto& policy : set.policies) {
    candidates.insert(policy->select.namespaces.begin(), policy->select.namespaces.end());
  }
  std::vector<Diagnostic> out;
  std::set<std::string> said;  // the same policies in several namespaces are said once
  for (const std::string& candidate : candidates) {
    const Load load = load_of(set, candidate);
    const std::string where =
        candidate.empty() ? "any namespace" : "namespace " + escape(candidate);
    for (std::size_t k = 0; k < kOperations; ++k) {
      const std::string kind(operation_name(static_cast<Operation>(k)));
      if (load.rules[k] > kWarnFrom && said.insert(kind + load.names[k]).second) {
        out.push_back({{},
                       "in " + where + " up to " + std::to_string(load.rules[k]) + " rules on " +
                           kind + " can meet on one workload, " + std::to_string(USHER_MAX_RULES) +
                           " is the limit: " + load.names[k] +
                           "; join rules (a rule takes any number of paths) or narrow selectors",
                       true});
      }
      if (load.groups[k] > USHER_MAX_GROUPS &&
          said.insert(kind + std::to_string(load.groups[k])).second) {
        out.push_back({{},
                       "in " + where + " up to " + std::to_string(load.groups[k]) +
                           " policies deny " + kind + " by default on their own, " +
                           std::to_string(USHER_MAX_GROUPS) +
                           " is the limit: make some of them ordinary (ceiling = false)",
                       true});
      }
    }
  }
  return out;
}

}  // namespace usher::policy
