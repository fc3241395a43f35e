// The workloads that the agent knows, by slot, container id, cgroup and name. A pure container.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/profile_cache.hpp"
#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::agent {

struct Entry {
  identity::Workload workload;
  ProfileHandle profile;
  bool started = false;    // its program runs: the kernel or a poststart hook said so
  bool attributed = true;  // false: found in the kernel without a record; who it is, is not known
  std::string problem;     // why it still runs under an older profile; empty = it does not
};

class Registry {
 public:
  // Slot and cgroup must be free. A container id may be held by one entry that has not ended; the
  // new one takes the id over from an ended one.
  Result<> add(Entry entry);
  void remove(std::uint32_t slot);
  void mark_ended(std::uint32_t slot);
  // Fills in who an entry is. A container id that it had stays; the new one must be free.
  void identify(std::uint32_t slot, identity::Identity who);

  Entry* by_slot(std::uint32_t slot);
  const Entry* by_slot(std::uint32_t slot) const;
  Entry* by_container(std::string_view container_id);
  Entry* by_cgroup(std::uint64_t cgroup_id);  // of those that have not ended

  // A person's word for a workload: slot number, container id or a unique prefix of it (4 bytes at
  // least), NAMESPACE/POD or NAMESPACE/POD/CONTAINER. Errors name the candidates.
  Result<std::uint32_t> find(std::string_view word) const;

  std::vector<std::uint32_t> slots() const;  // in order
  std::size_t size() const { return entries_.size(); }
  bool any_ended() const { return ended_ != 0; }

 private:
  std::map<std::uint32_t, Entry> entries_;
  std::map<std::string, std::uint32_t, std::less<>> containers_;
  std::unordered_map<std::uint64_t, std::uint32_t> cgroups_;
  std::size_t ended_ = 0;
};

// What the kernel is told of it: USHER_WORKLOAD_*.
constexpr std::uint32_t kernel_flags(const identity::Identity& who) {
  return who.host_root ? USHER_WORKLOAD_HOST_ROOT : 0;
}

// "namespace/pod/container", or the container id where there is no Kubernetes identity. Escaped.
std::string display_name(const identity::Identity& who);

}  // namespace usher::agent
