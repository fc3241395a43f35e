#include "agent/mount_namespaces.hpp"

#include <fmt/format.h>

namespace usher::agent {

Result<> claim_mntns(const identity::Placement& placement, const Registry& registry,
                     enforce::Enforcer& enforcer, const Locator& locator) {
  if (placement.mntns == 0) {
    return {};
  }
  for (const auto slot : registry.slots()) {
    const auto& earlier = registry.by_slot(slot)->workload;
    if (earlier.placement.mntns != placement.mntns ||
        earlier.placement.cgroup_id == placement.cgroup_id) {
      continue;
    }
    if (locator.shares_mntns(placement)) {
      return fail(
          fmt::format("others live in its mount namespace {}, which is that of {} (slot {}): "
                      "containers that share one are not supported",
                      placement.mntns, display_name(earlier.identity), slot));
    }
    if (auto left = enforcer.leave_mntns(slot); !left) {
      return left;
    }
  }
  return {};
}

}  // namespace usher::agent
