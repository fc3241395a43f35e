#include "agent/guest_capabilities.hpp"

#include <algorithm>

#include "usher/plugin.h"

namespace usher::agent {

namespace {

constexpr std::size_t kRemembered = 256;

Result<std::vector<std::string>> compiled(const policy::RuleSet& rules, const GuestKernel& kernel) {
  // The guest compiles with a key of its own; what can be told here is the same with any.
  auto image = policy::compile(rules, {usher_key{1, 3, 5, 7}, 0, capabilities_of(kernel)},
                               [](const policy::RuleName&) { return USHER_RULE_FIRST; });
  if (!image) {
    return std::unexpected(std::move(image.error()));
  }
  return std::move(image->degraded);
}

}  // namespace

policy::Capabilities capabilities_of(const GuestKernel& kernel) {
  const auto has = [&](std::uint32_t bit) { return (kernel.enforces & bit) != 0; };
  const bool files = has(USHER_GUEST_ENFORCES_FILES);
  const bool sockets = has(USHER_GUEST_ENFORCES_SOCKETS);
  return {.backend = kernel.backend == "none" ? "guest's missing" : "guest's " + kernel.backend,
          .operations = {has(USHER_GUEST_ENFORCES_EXEC), files, files, sockets, sockets},
          .from = has(USHER_GUEST_ENFORCES_FROM),
          .socket_from = has(USHER_GUEST_ENFORCES_SOCKET_FROM)};
}

Result<std::vector<std::string>> GuestVerdicts::judge(const policy::RuleSet& rules,
                                                      const GuestKernel& kernel) {
  const auto found = std::ranges::find_if(
      known_, [&](const Known& known) { return known.rules == rules && known.kernel == kernel; });
  if (found != known_.end()) {
    return found->verdict;
  }
  if (known_.size() >= kRemembered) {
    known_.clear();
  }
  return known_.emplace_back(rules, kernel, compiled(rules, kernel)).verdict;
}

}  // namespace usher::agent
