#include "kata/cid_owners.hpp"

#include <utility>

namespace usher::kata {

Result<const CidOwner*> CidOwners::of(std::uint32_t cid,
                                      const std::function<std::vector<std::string>()>& sandboxes,
                                      Clock::time_point now) {
  if (const auto known = known_.find(cid); known != known_.end()) {
    if (is_alive(known->second.peer.pidfd)) {
      return &known->second;
    }
    known_.erase(known);  // context ids are used again
  }
  if (!strangers_.may_look(cid, now) || !looks_.take(1, now)) {
    return fail("its virtual machine was looked for a moment ago", EAGAIN);
  }
  auto owner = owner_of_cid(kernel_, cid, sandboxes());
  if (!owner) {
    return strangers_.not_found(cid, now) ? std::unexpected(std::move(owner.error()))
                                          : fail(owner.error().message, EAGAIN);
  }
  strangers_.found(cid);
  std::erase_if(known_, [](const auto& one) { return !is_alive(one.second.peer.pidfd); });
  return &known_.emplace(cid, std::move(*owner)).first->second;
}

}  // namespace usher::kata
