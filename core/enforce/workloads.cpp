#include "enforce/workloads.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

namespace usher::enforce {

namespace {

std::atomic_ref<std::uint32_t> shared(std::uint32_t& field) {
  return std::atomic_ref<std::uint32_t>(field);
}

bool is_built_in(const usher_workload& value) {
  return (value.flags & USHER_WORKLOAD_BUILT_IN) != 0;
}

}  // namespace

Workloads::Workloads(const WorkloadMemory& memory, Profiles& profiles)
    : memory_(memory),
      entries_(memory.cgroups_fd, memory.mntns_fd),
      profiles_(profiles),
      mounts_taken_(USHER_MAX_MOUNTS) {
  for (const EnrolledSlot& slot : enrolled()) {
    mounts_taken_[slot.value.mounts % USHER_MAX_MOUNTS] = true;
  }
  mounts_taken_[0] = true;
  for (std::uint32_t slot = 1; slot < memory_.slots.size(); ++slot) {
    if (live(slot) && is_built_in(memory_.slots[slot])) {
      built_in_ = slot;
    }
  }
}

bool Workloads::live(std::uint32_t slot) const {
  return slot != 0 && slot < memory_.slots.size() &&
         (shared(memory_.slots[slot].flags).load(std::memory_order_acquire) &
          USHER_WORKLOAD_LIVE) != 0;
}

Result<> Workloads::require_live(std::uint32_t slot) const {
  if (!live(slot)) {
    return fail(fmt::format("there is no workload {}", slot));
  }
  return {};
}

bool Workloads::ended(std::uint32_t slot) const {
  return entries_.of_cgroup(memory_.slots[slot].cgroup) != slot;
}

Result<> Workloads::require_free(const identity::Placement& placement) const {
  if (const auto owner = entries_.of_cgroup(placement.cgroup_id)) {
    return fail(fmt::format("the cgroup {} (id {}) is enrolled already, as workload {}",
                            placement.cgroup_path, placement.cgroup_id, *owner),
                EEXIST);
  }
  if (placement.mntns == 0) {
    return {};
  }
  // The number of a mount namespace that is gone can be given to a new one.
  const auto owner = entries_.of_mntns(placement.mntns);
  if (owner && live(*owner) && !ended(*owner)) {
    return fail(fmt::format("the mount namespace {} of the cgroup {} is enrolled already, as "
                            "workload {}: containers that share one are not supported",
                            placement.mntns, placement.cgroup_path, *owner),
                EEXIST);
  }
  return {};
}

Result<std::uint32_t> Workloads::take_slot() {
  const auto count = static_cast<std::uint32_t>(memory_.slots.size());
  for (std::uint32_t tried = 1; tried < count; ++tried) {
    const std::uint32_t slot = 1 + (last_ + tried - 1) % (count - 1);
    if (!live(slot)) {
      last_ = slot;
      return slot;
    }
  }
  return fail(fmt::format("all {} workloads that a node can have are in use", count - 1), ENOSPC);
}

Result<std::uint32_t> Workloads::enrol(const identity::Placement& placement, std::uint32_t profile,
                                       std::uint32_t flags) {
  if (placement.cgroup_id == 0) {
    return fail(fmt::format("the cgroup {} has no id", placement.cgroup_path));
  }
  if (!profiles_.published(profile)) {
    return fail(fmt::format("profile {} is not published", profile));
  }
  if (auto free = require_free(placement); !free) {
    return std::unexpected(std::move(free.error()));
  }
  auto slot = take_slot();
  if (!slot) {
    return slot;
  }
  auto mounts = take_mounts();
  if (!mounts) {
    return mounts;
  }
  usher_workload value{};
  value.mounts = *mounts;
  value.profile = profile;
  value.flags = USHER_WORKLOAD_LIVE | flags;
  value.cgroup = placement.cgroup_id;
  value.mntns = placement.mntns;
  value.incarnation = memory_.slots[*slot].incarnation + 1;
  usher_workload written = value;
  written.flags = 0;
  memory_.slots[*slot] = written;
  shared(memory_.slots[*slot].flags).store(value.flags, std::memory_order_release);
  auto done = entries_.write(*slot, placement);
  if (done) {
    done = read_back(*slot, value);
  }
  if (!done) {
    clear(*slot);
    return fail_in(fmt::format("cannot enrol the cgroup {}", placement.cgroup_path),
                   std::move(done.error()));
  }
  profiles_.refer(profile);
  return slot;
}

// A cleared place for the mounts that the workload will begin with; 0: all are taken.
Result<std::uint32_t> Workloads::take_mounts() {
  const auto free = std::ranges::find(mounts_taken_, false);
  if (free == mounts_taken_.end()) {
    return 0U;
  }
  const auto index = static_cast<std::uint32_t>(free - mounts_taken_.begin());
  if (auto mapped = memory_.mounts->ensure(index, 1); !mapped) {
    return std::unexpected(std::move(mapped.error()));
  }
  (*memory_.mounts)[index] = usher_mounts{};
  *free = true;
  return index;
}

Result<> Workloads::read_back(std::uint32_t slot, const usher_workload& expected) const {
  usher_workload seen{};
  if (bpf_map_lookup_elem(memory_.slots_fd, &slot, &seen) != 0) {
    return fail_system(fmt::format("cannot read workload {} back", slot));
  }
  const bool same =
      seen.profile == expected.profile &&
      (seen.flags | USHER_WORKLOAD_AWAITED) == (expected.flags | USHER_WORKLOAD_AWAITED) &&
      seen.cgroup == expected.cgroup && seen.mntns == expected.mntns &&
      seen.incarnation == expected.incarnation && entries_.of_cgroup(expected.cgroup) == slot &&
      (expected.mntns == 0 || entries_.of_mntns(expected.mntns) == slot);
  if (!same) {
    return fail(
        fmt::format("workload {} reads back other than it was written: is another agent "
                    "writing to the same pins?",
                    slot));
  }
  return {};
}

Result<> Workloads::switch_to(std::uint32_t slot, std::uint32_t profile) {
  if (auto ok = require_live(slot); !ok) {
    return ok;
  }
  if (!profiles_.published(profile)) {
    return fail(fmt::format("profile {} is not published", profile));
  }
  profiles_.refer(profile);
  const std::uint32_t old =
      shared(memory_.slots[slot].profile).exchange(profile, std::memory_order_acq_rel);
  profiles_.unrefer(old);
  return {};
}

Result<std::uint32_t> Workloads::hold_built_in(std::uint32_t profile) {
  if (built_in_ != 0) {
    if (auto switched = switch_to(built_in_, profile); !switched) {
      return std::unexpected(std::move(switched.error()));
    }
    return built_in_;
  }
  if (!profiles_.published(profile)) {
    return fail(fmt::format("profile {} is not published", profile));
  }
  const auto slot = take_slot();
  if (!slot) {
    return slot;
  }
  usher_workload value{};
  value.profile = profile;
  value.incarnation = memory_.slots[*slot].incarnation + 1;
  memory_.slots[*slot] = value;
  shared(memory_.slots[*slot].flags)
      .store(USHER_WORKLOAD_LIVE | USHER_WORKLOAD_BUILT_IN, std::memory_order_release);
  profiles_.refer(profile);
  built_in_ = *slot;
  return slot;
}

std::uint32_t Workloads::incarnation(std::uint32_t slot) const {
  return slot < memory_.slots.size() ? memory_.slots[slot].incarnation : 0;
}

Result<> Workloads::begun(std::uint32_t slot) {
  if (auto ok = require_live(slot); !ok) {
    return ok;
  }
  shared(memory_.slots[slot].flags).fetch_and(~USHER_WORKLOAD_AWAITED, std::memory_order_acq_rel);
  return {};
}

Result<> Workloads::release(std::uint32_t slot) {
  if (auto ok = require_live(slot); !ok) {
    return ok;
  }
  shared(memory_.slots[slot].flags).fetch_or(USHER_WORKLOAD_RELEASED, std::memory_order_acq_rel);
  return {};
}

Result<> Workloads::end(std::uint32_t slot) {
  if (auto ok = require_live(slot); !ok) {
    return ok;
  }
  return entries_.remove_cgroup(memory_.slots[slot].cgroup, slot);
}

Result<> Workloads::leave_mntns(std::uint32_t slot) {
  if (auto ok = require_live(slot); !ok) {
    return ok;
  }
  return entries_.remove_mntns(memory_.slots[slot].mntns, slot);
}

Result<> Workloads::forget(std::uint32_t slot) {
  auto done = end(slot);
  if (done) {
    done = leave_mntns(slot);
  }
  if (done) {
    const std::uint32_t profile = memory_.slots[slot].profile;
    clear(slot);
    profiles_.unrefer(profile);
  }
  return done;
}

// The incarnation stays: it tells the next use of the slot from this one.
void Workloads::clear(std::uint32_t slot) {
  usher_workload& value = memory_.slots[slot];
  (void)entries_.remove_cgroup(value.cgroup, slot);
  (void)entries_.remove_mntns(value.mntns, slot);
  if (value.mounts != 0) {
    mounts_taken_[value.mounts % USHER_MAX_MOUNTS] = false;
    value.mounts = 0;
  }
  shared(value.flags).store(0, std::memory_order_release);
  shared(value.profile).store(0, std::memory_order_release);
}

std::vector<EnrolledSlot> Workloads::enrolled() const {
  std::vector<EnrolledSlot> found;
  for (std::uint32_t slot = 1; slot < memory_.slots.size(); ++slot) {
    if (live(slot) && !is_built_in(memory_.slots[slot])) {
      found.push_back({slot, memory_.slots[slot]});
    }
  }
  return found;
}

std::vector<std::uint32_t> Workloads::profiles_in_use() const {
  std::vector<std::uint32_t> profiles;
  for (const EnrolledSlot& slot : enrolled()) {
    profiles.push_back(slot.value.profile);
  }
  if (built_in_ != 0) {
    profiles.push_back(memory_.slots[built_in_].profile);
  }
  return profiles;
}

}  // namespace usher::enforce
