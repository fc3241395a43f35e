// What is valid but may not mean what its author thinks: the warnings of `policies check`. Pure.
#pragma once

#include <vector>

#include "policy/policy.hpp"

namespace usher::policy {

// Selectors that a pod's author can opt out of; deny-lists of programs.
std::vector<Diagnostic> check_policy(const Policy& policy);

// Over a whole set: namespaces in which more than 80 % of USHER_MAX_RULES rules of a kind, or more
// groups than USHER_MAX_GROUPS, could meet on one workload. Namespaces that policies name are
// looked at, one for each glob, and one that nobody names.
std::vector<Diagnostic> check_set(const PolicySet& set);

}  // namespace usher::policy
