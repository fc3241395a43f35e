#include "kata/cid_owners.hpp"

#include <utility>

namespace usher::kata {
namespace {

// Shorter than a hook tries: a monitor may be on its way into its cgroup.
constexpr std::chrono::milliseconds kNobody{300};

}  // namespace

Result<const CidOwner*> CidOwners::of(std::uint32_t cid,
                                      const std::function<std::vector<std::string>()>& sandboxes,
                                      Clock::time_point now) {
  if (const auto known = known_.find(cid); known != known_.end()) {
    if (is_alive(known->second.peer.pidfd)) {
      return &known->second;
    }
    known_.erase(known);  // context ids are used again
  }
  std::erase_if(nobodies_, [&](const auto& one) { return one.second <= now; });
  if (nobodies_.contains(cid) || !looks_.take(1, now)) {
    return fail("its virtual machine was looked for a moment ago", EAGAIN);
  }
  auto owner = owner_of_cid(kernel_, cid, sandboxes());
  if (!owner) {
    nobodies_.emplace(cid, now + kNobody);
    return std::unexpected(std::move(owner.error()));
  }
  std::erase_if(known_, [](const auto& one) { return !is_alive(one.second.peer.pidfd); });
  return &known_.emplace(cid, std::move(*owner)).first->second;
}

}  // namespace usher::kata
