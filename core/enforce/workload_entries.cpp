#include "enforce/workload_entries.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cerrno>

namespace usher::enforce {

namespace {

template <class Key>
std::optional<std::uint32_t> look_up(int fd, Key key) {
  std::uint32_t slot = 0;
  if (bpf_map_lookup_elem(fd, &key, &slot) != 0) {
    return std::nullopt;
  }
  return slot;
}

// The kernel may have deleted it before us.
template <class Key>
Result<> remove_entry(int fd, Key key, std::uint32_t slot, const char* what) {
  if (look_up(fd, key) == slot && bpf_map_delete_elem(fd, &key) != 0 && errno != ENOENT) {
    return fail_system(fmt::format("cannot remove the {} {} of workload {}", what, key, slot));
  }
  return {};
}

}  // namespace

std::optional<std::uint32_t> WorkloadEntries::of_cgroup(std::uint64_t id) const {
  return look_up(cgroups_fd_, id);
}

std::optional<std::uint32_t> WorkloadEntries::of_mntns(std::uint32_t number) const {
  return look_up(mntns_fd_, number);
}

Result<> WorkloadEntries::write(std::uint32_t slot, const identity::Placement& placement) const {
  if (placement.mntns != 0 &&
      bpf_map_update_elem(mntns_fd_, &placement.mntns, &slot, BPF_ANY) != 0) {
    return fail_system(fmt::format("cannot enter the mount namespace {}", placement.mntns));
  }
  if (bpf_map_update_elem(cgroups_fd_, &placement.cgroup_id, &slot, BPF_NOEXIST) != 0) {
    return fail_system(fmt::format("cannot enter the cgroup id {}", placement.cgroup_id));
  }
  return {};
}

Result<> WorkloadEntries::remove_cgroup(std::uint64_t id, std::uint32_t slot) const {
  return remove_entry(cgroups_fd_, id, slot, "cgroup");
}

Result<> WorkloadEntries::remove_mntns(std::uint32_t number, std::uint32_t slot) const {
  return remove_entry(mntns_fd_, number, slot, "mount namespace");
}

}  // namespace usher::enforce
