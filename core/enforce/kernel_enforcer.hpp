// The Enforcer over real maps and programs: holds the parts and hands each call to the one that
// does it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "enforce/config_map.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/events.hpp"
#include "enforce/grace.hpp"
#include "enforce/loader.hpp"
#include "enforce/mapped_array.hpp"
#include "enforce/pins.hpp"
#include "enforce/profiles.hpp"
#include "enforce/rates.hpp"
#include "enforce/task_iterators.hpp"
#include "enforce/workloads.hpp"

namespace usher::enforce {

// What open() puts together, in the order in which it is made.
struct KernelParts {
  Backend backend = Backend::lsm;
  bool adopted = false;
  std::filesystem::path cgroup_root;
  std::vector<std::string> warnings;
  Pins pins;
  std::vector<Fd> links{};           // of this start
  std::filesystem::path links_at{};  // where they are pinned
  std::unique_ptr<Object> programs;
  std::unique_ptr<Object> tasks;
  TaskIterators iterators;
  MappedArray<usher_config> config{};
  MappedArray<usher_unenrolled> unenrolled{};
  MappedArray<usher_workload> workloads{};
  MappedArray<usher_mounts> mounts{};
  MappedArray<usher_profile> profiles{};
  MappedArray<usher_cell> arena{};
  std::unique_ptr<Events> events{};
  int rates_fd = -1;
  int counters_fd = -1;
  int cgroups_fd = -1;
  int mntns_fd = -1;
  int tasks_fd = -1;
};

class KernelEnforcer final : public Enforcer {
 public:
  explicit KernelEnforcer(KernelParts parts);
  // Takes over the profiles and rate limits that the maps hold. Blocks for a grace period when
  // there were any.
  Result<> adopt();

  Backend backend() const override { return parts_.backend; }
  policy::Capabilities capabilities() const override;
  const usher_key& key() const override { return parts_.config[0].key; }
  bool adopted() const override { return parts_.adopted; }
  std::vector<std::string> warnings() const override;

  Result<std::uint32_t> publish(const policy::ProfileImage& image) override;
  void retire(std::uint32_t profile) override { profiles_.retire(profile); }
  const usher_profile& profile(std::uint32_t index) const override;
  std::span<const usher_cell> arena() const override { return profiles_.cells(); }
  std::uint32_t cells_used() const override { return profiles_.cells_used(); }

  Result<std::uint32_t> enrol(const identity::Placement& placement, std::uint32_t profile,
                              std::uint32_t flags) override;
  Result<> switch_to(std::uint32_t slot, std::uint32_t profile) override;
  std::uint32_t incarnation(std::uint32_t slot) const override;
  Result<> begun(std::uint32_t slot) override { return workloads_.begun(slot); }
  Result<> release(std::uint32_t slot) override { return workloads_.release(slot); }
  Result<> end(std::uint32_t slot) override { return workloads_.end(slot); }
  Result<> leave_mntns(std::uint32_t slot) override { return workloads_.leave_mntns(slot); }
  Result<> forget(std::uint32_t slot) override { return workloads_.forget(slot); }
  std::vector<EnrolledSlot> enrolled() const override { return workloads_.enrolled(); }

  Result<std::uint32_t> tag_running() override;
  Result<std::uint32_t> tag_running_in(const identity::Placement& placement) override;
  Result<std::vector<Handle>> holders() override;
  Result<std::uint32_t> workload_of(int pidfd) const override;

  int events_fd() const override { return parts_.events->fd(); }
  Result<> consume(const std::function<void(const usher_kernel_event&)>& sink) override;
  std::vector<Suppressed> take_suppressed() override;
  std::vector<std::uint64_t> counters() const override;

  Result<> set_audit(bool audit) override;
  bool audit() const override;
  Result<> set_unenrolled(const Unenrolled& wanted) override;
  std::uint32_t unenrolled() const override;
  std::uint32_t exempt_slot() const override { return workloads_.built_in(); }
  const std::filesystem::path& cgroup_root() const override { return parts_.cgroup_root; }

 private:
  KernelParts parts_;
  Grace grace_;
  Profiles profiles_;
  Workloads workloads_;
  Rates rates_;
  std::uint32_t left_profile_ = 0;  // of exempt programs, by an earlier agent; 0: retired by now
};

}  // namespace usher::enforce
