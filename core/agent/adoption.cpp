#include "agent/adoption.hpp"

#include <fmt/format.h>

#include <map>
#include <unordered_set>

#include "agent/mount_namespaces.hpp"
#include "base/escape.hpp"

namespace usher::agent {

namespace {

// Carries the pieces of one adoption between its steps.
struct Adoption {
  Registry& registry;
  ProfileCache& profiles;
  const Records& records;
  enforce::Enforcer& enforcer;
  const Locator& locator;
  Journal& journal;
  std::map<std::uint64_t, identity::Workload> recorded;  // by cgroup
  std::unordered_set<std::uint32_t> held;
  std::map<std::uint32_t, ProfileHandle> handles;
  Adopted done;

  void warn(const Result<>& result) {
    if (!result) {
      journal.log().warning(result.error().message);
    }
  }

  ProfileHandle handle(std::uint32_t index) {
    auto& kept = handles[index];
    if (!kept) {
      kept = profiles.adopt(index);
    }
    return kept;
  }

  void drop(std::uint32_t slot, std::uint64_t cgroup) {
    warn(enforcer.end(slot));
    warn(enforcer.forget(slot));
    warn(records.remove(cgroup));
    ++done.dropped;
  }

  void take(const enforce::EnrolledSlot& slot) {
    Entry entry;
    entry.profile = handle(slot.value.profile);
    const auto record = recorded.extract(slot.value.cgroup);
    if (record.empty()) {
      entry.attributed = false;
      entry.workload.placement.cgroup_id = slot.value.cgroup;
      entry.workload.placement.mntns = slot.value.mntns;
    } else {
      entry.workload = std::move(record.mapped());
    }
    entry.workload.slot = slot.slot;
    entry.workload.incarnation = slot.value.incarnation;
    entry.workload.released = (slot.value.flags & USHER_WORKLOAD_RELEASED) != 0;
    // A task carries an identity from its exec on: a container that waits at its gate has none yet.
    entry.started = held.contains(slot.slot);
    const bool running = locator.exists(entry.workload.placement);
    if (!running && !held.contains(slot.slot)) {
      drop(slot.slot, slot.value.cgroup);
      return;
    }
    if (!running) {
      warn(enforcer.end(slot.slot));
      entry.workload.ended = true;
    }
    if (!entry.attributed) {
      ++done.unattributed;
      journal.tell(LogLevel::warning, "adopted",
                   fmt::format("slot {} is in the kernel without a record under the run directory: "
                               "it stays under the profile that it has, events cannot name it; "
                               "restart that container (cgroup id {})",
                               slot.slot, slot.value.cgroup));
    } else {
      ++done.adopted;
    }
    if (auto added = registry.add(std::move(entry)); !added) {
      journal.log().error(
          fmt::format("cannot adopt slot {}: {}", slot.slot, added.error().message));
    }
  }

  // Recorded, not in the kernel: the pins were taken away, or the agent died before it enrolled.
  void enrol_anew(identity::Workload workload) {
    const auto cgroup = workload.placement.cgroup_id;
    if (!locator.exists(workload.placement)) {
      warn(records.remove(cgroup));
      ++done.dropped;
      return;
    }
    const auto claimed = claim_mntns(workload.placement, registry, enforcer, locator);
    const auto slot = claimed
                          ? enforcer.enrol(workload.placement, 0, kernel_flags(workload.identity))
                          : Result<std::uint32_t>(std::unexpected(claimed.error()));
    if (!slot) {
      journal.tell(LogLevel::error, "adopted",
                   "runs but cannot be enrolled again: " + slot.error().message + "; restart it",
                   &workload.identity);
      return;
    }
    workload.slot = *slot;
    workload.incarnation = enforcer.incarnation(*slot);
    if (workload.released) {
      warn(enforcer.release(*slot));
    }
    ++done.enrolled_anew;
    auto added = registry.add({std::move(workload), handle(0), true, true, {}});
    if (!added) {
      journal.log().error(added.error().message);
    }
  }
};

}  // namespace

Result<Adopted> adopt(Registry& registry, ProfileCache& profiles, const Records& records,
                      enforce::Enforcer& enforcer, const Locator& locator, Journal& journal) {
  auto loaded = records.load();
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  for (const auto& problem : loaded->problems) {
    journal.log().warning("a workload's record cannot be read: " + problem);
  }
  const auto slots = enforcer.enrolled();
  Adoption adoption{registry, profiles, records, enforcer, locator, journal, {}, {}, {}, {}};
  for (auto& workload : loaded->workloads) {
    const auto cgroup = workload.placement.cgroup_id;
    adoption.recorded.emplace(cgroup, std::move(workload));
  }
  if (!slots.empty()) {
    const auto holders = enforcer.holders();
    if (!holders) {
      return std::unexpected(holders.error());
    }
    for (const auto& holder : *holders) {
      adoption.held.insert(holder.workload);
    }
  }
  for (const auto& slot : slots) {
    adoption.take(slot);
  }
  for (auto& [cgroup, workload] : adoption.recorded) {
    adoption.enrol_anew(std::move(workload));
  }
  adoption.done.dropped += loaded->of_other_boots;
  return adoption.done;
}

}  // namespace usher::agent
