#include "agent/gate_times.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace usher::agent {

void GateTimes::add(std::chrono::nanoseconds took, bool refused) {
  const auto whole = std::chrono::ceil<std::chrono::microseconds>(took).count();
  microseconds_[gates_ % kKept] = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(whole, 0, std::numeric_limits<std::uint32_t>::max()));
  ++gates_;
  refused_ += refused ? 1 : 0;
}

GateTimes::Summary GateTimes::summary() const {
  Summary out{.gates = gates_, .refused = refused_};
  std::vector<std::uint32_t> sorted(
      microseconds_.begin(),
      microseconds_.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(gates_, kKept)));
  if (sorted.empty()) {
    return out;
  }
  std::ranges::sort(sorted);
  // The smallest value that so many of a hundred do not exceed.
  const auto at = [&](std::size_t percent) {
    return std::chrono::microseconds(sorted[(sorted.size() * percent + 99) / 100 - 1]);
  };
  out.p50 = at(50);
  out.p99 = at(99);
  out.longest = std::chrono::microseconds(sorted.back());
  return out;
}

}  // namespace usher::agent
