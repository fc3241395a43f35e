// The two tables that lead from a task to its workload: by cgroup and by mount namespace.
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::enforce {

// Over two maps that outlive it. On the owner's thread; the kernel deletes entries of its own.
class WorkloadEntries {
 public:
  WorkloadEntries(int cgroups_fd, int mntns_fd) : cgroups_fd_(cgroups_fd), mntns_fd_(mntns_fd) {}

  std::optional<std::uint32_t> of_cgroup(std::uint64_t id) const;
  std::optional<std::uint32_t> of_mntns(std::uint32_t number) const;
  // A cgroup that has an entry is an error; a mount namespace's is replaced.
  Result<> write(std::uint32_t slot, const identity::Placement& placement) const;
  // Where the entry leads to another slot, or is gone, nothing is done.
  Result<> remove_cgroup(std::uint64_t id, std::uint32_t slot) const;
  Result<> remove_mntns(std::uint32_t number, std::uint32_t slot) const;

 private:
  int cgroups_fd_;
  int mntns_fd_;
};

}  // namespace usher::enforce
