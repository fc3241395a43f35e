// Whose the vsock context ids are, remembered as long as their processes live.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "kata/limits.hpp"
#include "kata/monitors.hpp"
#include "kata/strangers.hpp"

namespace usher::kata {

// [main] Who is not known is looked for among all processes of the node, on the agent's loop; any
// virtual machine of the node may dial as often as it likes. So not again at once for one that was
// nobody's, and not more often for all than costs the others nothing.
class CidOwners {
 public:
  using Clock = Budget::Clock;

  explicit CidOwners(Kernel kernel) : kernel_(std::move(kernel)) {}

  // Errors: owner_of_cid's; EAGAIN, it is not looked for now, or nobody need be told again.
  // `sandboxes`: their ids.
  Result<const CidOwner*> of(std::uint32_t cid,
                             const std::function<std::vector<std::string>()>& sandboxes,
                             Clock::time_point now = Clock::now());

 private:
  Kernel kernel_;
  std::map<std::uint32_t, CidOwner> known_;
  Strangers strangers_;
  Budget looks_{100, 25};
};

}  // namespace usher::kata
