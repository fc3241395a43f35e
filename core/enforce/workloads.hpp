// The kernel's table of workloads: its slots, and what enters and leaves them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/mapped_array.hpp"
#include "enforce/profiles.hpp"
#include "enforce/workload_entries.hpp"
#include "identity/identity.hpp"
#include "usher_bpf.h"

namespace usher::enforce {

struct WorkloadMemory {
  std::span<usher_workload> slots;
  MappedArray<usher_mounts>* mounts = nullptr;  // outlives the Workloads
  int slots_fd = -1;
  int cgroups_fd = -1;  // u64 cgroup id -> u32 slot
  int mntns_fd = -1;    // u32 mount namespace -> u32 slot
};

// On the owner's thread. The contracts of the public calls are Enforcer's.
class Workloads {
 public:
  Workloads(const WorkloadMemory& memory, Profiles& profiles);

  Result<std::uint32_t> enrol(const identity::Placement& placement, std::uint32_t profile,
                              std::uint32_t flags);
  Result<> switch_to(std::uint32_t slot, std::uint32_t profile);
  std::uint32_t incarnation(std::uint32_t slot) const;
  Result<> begun(std::uint32_t slot);
  Result<> release(std::uint32_t slot);
  Result<> end(std::uint32_t slot);
  Result<> leave_mntns(std::uint32_t slot);
  Result<> forget(std::uint32_t slot);

  // The slot that is no container's but that of all exempt programs, and its profile; made when
  // there is none.
  Result<std::uint32_t> hold_built_in(std::uint32_t profile);
  std::uint32_t built_in() const { return built_in_; }  // 0: there is none

  bool live(std::uint32_t slot) const;
  std::vector<EnrolledSlot> enrolled() const;
  // The profile of every live slot, for Profiles::adopt.
  std::vector<std::uint32_t> profiles_in_use() const;

 private:
  Result<> require_live(std::uint32_t slot) const;
  Result<> require_free(const identity::Placement& placement) const;
  Result<std::uint32_t> take_slot();
  Result<> read_back(std::uint32_t slot, const usher_workload& expected) const;
  Result<std::uint32_t> take_mounts();
  bool ended(std::uint32_t slot) const;
  void clear(std::uint32_t slot);

  WorkloadMemory memory_;
  WorkloadEntries entries_;
  Profiles& profiles_;
  std::vector<bool> mounts_taken_;  // by index into mounts
  std::uint32_t built_in_ = 0;
  std::uint32_t last_ = 0;  // slots are taken in turn, so that an old number comes back late
};

}  // namespace usher::enforce
