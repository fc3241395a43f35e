// Mount namespaces' numbers, which the kernel gives away again as soon as they are free: often
// before the runtime has removed the cgroup of the container that had one.
#pragma once

#include "agent/locator.hpp"
#include "agent/registry.hpp"
#include "enforce/enforcer.hpp"

namespace usher::agent {

// Before `placement` is enrolled: takes its mount namespace's number from an earlier workload that
// does not live in it any more. Refused where two containers share one namespace.
Result<> claim_mntns(const identity::Placement& placement, const Registry& registry,
                     enforce::Enforcer& enforcer, const Locator& locator);

}  // namespace usher::agent
