#include "enforce/kernel_enforcer.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "enforce/cgroup_processes.hpp"

namespace usher::enforce {

KernelEnforcer::KernelEnforcer(KernelParts parts)
    : parts_(std::move(parts)),
      profiles_(parts_.arena, parts_.profiles, grace_),
      workloads_({.slots = parts_.workloads.span(),
                  .mounts = &parts_.mounts,
                  .slots_fd = parts_.workloads.map_fd(),
                  .cgroups_fd = parts_.cgroups_fd,
                  .mntns_fd = parts_.mntns_fd},
                 profiles_),
      rates_(parts_.rates_fd) {}

Result<> KernelEnforcer::adopt() {
  if (parts_.adopted) {
    // Profiles that the last agent had just replaced may still be read.
    if (auto waited = wait_for_readers(); !waited) {
      return waited;
    }
  }
  rates_.start();
  if (const std::uint32_t exempt = workloads_.built_in(); exempt != 0) {
    left_profile_ = parts_.workloads[exempt].profile;
  }
  return profiles_.adopt(workloads_.profiles_in_use());
}

// Programs stay attached as long as this process holds their links, but nothing would outlive it.
std::vector<std::string> KernelEnforcer::warnings() const {
  auto out = parts_.warnings;
  std::error_code problem;
  if (!std::filesystem::exists(parts_.links_at, problem)) {
    out.push_back(fmt::format(
        "the pins in {} are gone: somebody removed them, or the BPF file system they were on; "
        "enforcement ends when this agent does, and its next start begins from nothing: find who "
        "did it, then restart usherd",
        parts_.links_at.string()));
  }
  return out;
}

policy::Capabilities KernelEnforcer::capabilities() const {
  return parts_.backend == Backend::lsm ? policy::lsm_capabilities()
                                        : policy::tracepoint_capabilities();
}

Result<std::uint32_t> KernelEnforcer::publish(const policy::ProfileImage& image) {
  return profiles_.publish(image);
}

const usher_profile& KernelEnforcer::profile(std::uint32_t index) const {
  return profiles_.header(index);
}

Result<std::uint32_t> KernelEnforcer::enrol(const identity::Placement& placement,
                                            std::uint32_t profile, std::uint32_t flags) {
  return workloads_.enrol(placement, profile, flags);
}

Result<> KernelEnforcer::switch_to(std::uint32_t slot, std::uint32_t profile) {
  return workloads_.switch_to(slot, profile);
}

std::uint32_t KernelEnforcer::incarnation(std::uint32_t slot) const {
  return workloads_.incarnation(slot);
}

namespace {

// Tasks that fork while a pass runs may be behind it; their children are tagged by the fork once
// they are. A pass that finds nothing new ends it.
template <class Pass>
Result<std::uint32_t> until_nothing_new(Pass pass) {
  constexpr int kPasses = 64;
  std::uint32_t total = 0;
  for (int passes = 0; passes < kPasses; ++passes) {
    auto tagged = pass();
    if (!tagged) {
      return tagged;
    }
    if (*tagged == 0) {
      return total;
    }
    total += *tagged;
  }
  return fail(
      fmt::format("after {} passes over all tasks there are still new ones of enrolled "
                  "containers without identity ({} were tagged): try again when the node "
                  "starts fewer processes",
                  kPasses, total));
}

}  // namespace

Result<std::uint32_t> KernelEnforcer::tag_running() {
  return until_nothing_new([this] { return parts_.iterators.tag_running(); });
}

Result<std::uint32_t> KernelEnforcer::tag_running_in(const identity::Placement& placement) {
  constexpr std::size_t kFew = 32;
  if (placement.cgroup_path.empty()) {
    return tag_running();
  }
  return until_nothing_new([&]() -> Result<std::uint32_t> {
    const auto pids = processes_below(parts_.cgroup_root.native() + placement.cgroup_path, kFew);
    if (!pids) {
      return parts_.iterators.tag_running();
    }
    std::uint32_t total = 0;
    for (const int pid : *pids) {
      const auto tagged = parts_.iterators.tag_process(pid);
      if (!tagged) {
        return tagged;
      }
      total += *tagged;
    }
    return total;
  });
}

Result<std::vector<Handle>> KernelEnforcer::holders() {
  // Two passes: a task that forks and exits can have its child where the pass has been already.
  auto found = parts_.iterators.holders();
  if (!found) {
    return found;
  }
  auto again = parts_.iterators.holders();
  if (!again) {
    return again;
  }
  found->insert(found->end(), again->begin(), again->end());
  std::ranges::sort(*found);
  const auto rest = std::ranges::unique(*found);
  found->erase(rest.begin(), rest.end());
  return found;
}

Result<std::uint32_t> KernelEnforcer::workload_of(int pidfd) const {
  usher_task task{};
  if (bpf_map_lookup_elem(parts_.tasks_fd, &pidfd, &task) == 0) {
    return task.workload;
  }
  if (errno == ENOENT) {
    return 0U;
  }
  return fail_system("cannot look up which workload a process belongs to");
}

Result<> KernelEnforcer::consume(const std::function<void(const usher_kernel_event&)>& sink) {
  return parts_.events->consume([&](usher_kernel_event& event) {
    if (event.type == USHER_EVENT_VERDICT) {
      rates_.on_event(event);
    }
    sink(event);
  });
}

std::vector<Enforcer::Suppressed> KernelEnforcer::take_suppressed() {
  return rates_.take([this](const usher_rate_key& key) {
    // 0: what nobody enrolled
    return key.workload == 0 || workloads_.live(key.workload);
  });
}

std::vector<std::uint64_t> KernelEnforcer::counters() const {
  const int cpus = std::max(libbpf_num_possible_cpus(), 1);
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(cpus));
  std::vector<std::uint64_t> sums(USHER_COUNTERS);
  for (std::uint32_t index = 0; index < USHER_COUNTERS; ++index) {
    if (bpf_map_lookup_elem(parts_.counters_fd, &index, per_cpu.data()) == 0) {
      for (const std::uint64_t count : per_cpu) {
        sums[index] += count;
      }
    }
  }
  return sums;
}

Result<> KernelEnforcer::set_audit(bool audit) {
  const std::atomic_ref<__u32> flags(parts_.config[0].flags);
  if (audit) {
    flags.fetch_or(USHER_CONFIG_AUDIT, std::memory_order_acq_rel);
  } else {
    flags.fetch_and(~USHER_CONFIG_AUDIT, std::memory_order_acq_rel);
  }
  return {};
}

Result<> KernelEnforcer::set_unenrolled(const Unenrolled& wanted) {
  const bool judged = wanted.answer != USHER_UNENROLLED_ALLOW;
  if (judged || workloads_.built_in() != 0) {
    const auto slot = workloads_.hold_built_in(wanted.profile);
    if (!slot) {
      return std::unexpected(slot.error());
    }
    if (auto set = set_unenrolled_rules(parts_.unenrolled[0], key(), wanted, *slot); !set) {
      return set;
    }
    if (const auto left = std::exchange(left_profile_, 0); left != 0 && left != wanted.profile) {
      profiles_.retire(left);
    }
  }
  const std::atomic_ref<__u32> answer(parts_.config[0].unenrolled);
  answer.store(wanted.answer, std::memory_order_release);
  return {};
}

std::uint32_t KernelEnforcer::unenrolled() const {
  const std::atomic_ref<__u32> answer(parts_.config[0].unenrolled);
  return answer.load(std::memory_order_acquire);
}

bool KernelEnforcer::audit() const {
  const std::atomic_ref<__u32> flags(parts_.config[0].flags);
  return (flags.load(std::memory_order_acquire) & USHER_CONFIG_AUDIT) != 0;
}

}  // namespace usher::enforce
