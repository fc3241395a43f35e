// Which policies apply to whom. Pure.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "policy/policy.hpp"

namespace usher::policy {

// True when every part of the selector that is given holds. A part about a namespace, container,
// image or handler does not hold for a workload that has none. Sandboxes are selected only with
// `sandboxes`. Labels and a handler that are not known are read as "has none": ask resolve() where
// that matters.
bool selects(const Selector& selector, const identity::Identity& who, std::string_view runtime);

// The policies of `set` that select `who`. An error names the policies if one of them can only be
// decided with labels or a runtime handler that `who` says are not known (and nothing else rules it
// out).
Result<RuleSet> resolve(const PolicySet& set, const identity::Identity& who,
                        std::string_view runtime);

}  // namespace usher::policy
