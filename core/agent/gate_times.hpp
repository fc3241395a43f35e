// How long gates take inside the agent, from the request on the loop to the verdict: what a node's
// owner watches, and what the promise of a millisecond is held against. A pure container.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace usher::agent {

class GateTimes {
 public:
  struct Summary {
    std::uint64_t gates = 0;    // ever
    std::uint64_t refused = 0;  // of those
    // Of the last kKept gates.
    std::chrono::microseconds p50{0};
    std::chrono::microseconds p99{0};
    std::chrono::microseconds longest{0};
  };
  static constexpr std::size_t kKept = 1024;

  void add(std::chrono::nanoseconds took, bool refused);
  Summary summary() const;

 private:
  std::array<std::uint32_t, kKept> microseconds_{};
  std::uint64_t gates_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace usher::agent
