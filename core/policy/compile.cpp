#include "policy/compile.hpp"

#include <algorithm>

#include "policy/compile_kind.hpp"

namespace usher::policy {
namespace {

constexpr std::array kAll = {Operation::exec, Operation::read, Operation::write, Operation::connect,
                             Operation::bind};

// Why this backend cannot carry out `policy`; empty when it can.
std::string beyond(const Policy& policy, const Capabilities& can) {
  for (const Rule& rule : policy.rules) {
    const std::string where =
        "rule " + rule.name + " (" + rule.at.file + ":" + std::to_string(rule.at.line) + ")";
    if (!can.operations[static_cast<std::size_t>(rule.on)]) {
      return where + " is on " + std::string(operation_name(rule.on));
    }
    const bool from = is_socket(rule.on) ? can.socket_from : can.from;
    if (!rule.from.empty() && !from) {
      return where + " has `from` on " + std::string(operation_name(rule.on));
    }
  }
  for (const Operation on : kAll) {
    if (policy.defaults[static_cast<std::size_t>(on)] == Action::deny &&
        !can.operations[static_cast<std::size_t>(on)]) {
      return "[defaults] denies " + std::string(operation_name(on));
    }
  }
  return {};
}

Result<std::vector<PolicyUse>> take(const RuleSet& rules, const Capabilities& can,
                                    std::vector<std::string>& degraded) {
  std::vector<PolicyUse> uses;
  std::string refused;
  for (const auto& policy : rules.policies) {
    const std::string why = beyond(*policy, can);
    if (!why.empty() && !policy->degrade) {
      refused += (refused.empty() ? "policy " : "; policy ") + policy->name + ": " + why;
    }
    if (!why.empty()) {
      degraded.push_back(policy->name);
    }
    uses.push_back({policy.get(), policy->mode == Mode::audit || !why.empty()});
  }
  if (!refused.empty()) {
    return fail(refused + ", which the " + can.backend +
                " backend cannot carry out: use a kernel with BPF LSM, or say degrade = true to "
                "have the policy audited only");
  }
  return uses;
}

Result<> within_limit(const std::vector<BitRule>& rules, Operation on) {
  if (rules.size() <= USHER_MAX_RULES) {
    return {};
  }
  std::string names;
  for (std::size_t i = 0; i < rules.size();) {
    const Policy* policy = rules[i].use->policy;
    std::size_t count = 0;
    for (; i < rules.size() && rules[i].use->policy == policy; ++i) {
      ++count;
    }
    names += (names.empty() ? "" : ", ") + policy->name + " (" + std::to_string(count) + ")";
  }
  return fail(std::to_string(rules.size()) + " rules on " + std::string(operation_name(on)) +
              " apply to one workload, " + std::to_string(USHER_MAX_RULES) + " is the limit: " +
              names + "; join rules (a rule takes any number of paths) or narrow the selectors");
}

}  // namespace

Capabilities lsm_capabilities() {
  return {.backend = "lsm",
          .operations = {true, true, true, true, true},
          .from = true,
          .socket_from = true};
}

Capabilities tracepoint_capabilities() {
  return {.backend = "tracepoint",
          .operations = {true, false, false, true, true},
          .from = true,
          .socket_from = false};
}

Capabilities no_capabilities() {
  return {.backend = "none", .operations = {}, .from = false, .socket_from = false};
}

Result<ProfileImage> compile(const RuleSet& rules, const CompileInput& input, const RuleIds& ids) {
  std::vector<std::string> degraded;
  const auto uses = take(rules, input.capabilities, degraded);
  if (!uses) {
    return std::unexpected(uses.error());
  }
  ImageBuilder builder(input.key);
  usher_profile header{};
  header.merged = input.merged;
  for (const Operation on : kAll) {
    usher_kind& kind = header.kind[static_cast<std::size_t>(on)];
    const auto of_kind = rules_of_kind(*uses, on);
    if (auto fits = within_limit(of_kind, on); !fits) {
      return std::unexpected(fits.error());
    }
    if (auto filled = fill_kind(*uses, on, of_kind, ids, builder, kind); !filled) {
      return std::unexpected(filled.error());
    }
    add_nodes(of_kind, on, input, builder, kind);
  }
  usher_kind& exec = header.kind[USHER_EXEC];
  if (allows_anonymous(*uses)) {
    exec.flags |= USHER_KIND_ANON_ALLOW;
  }
  auto image = builder.finish(header);
  if (!image) {
    std::string names;
    for (const auto& policy : rules.policies) {
      names += (names.empty() ? "" : ", ") + policy->name;
    }
    return fail_in("policies " + names, image.error());
  }
  image->degraded = std::move(degraded);
  return image;
}

usher_profile place(const usher_profile& header, std::uint32_t base) {
  usher_profile placed = header;
  placed.table += base;
  placed.vectors += base;
  for (usher_kind& kind : placed.kind) {
    kind.rule_ids += base;
  }
  return placed;
}

}  // namespace usher::policy
