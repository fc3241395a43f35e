// The one deadline that a hook's whole life is measured against. Monotonic.
#pragma once

#include <algorithm>
#include <chrono>

namespace usher::hook {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Deadline(std::chrono::milliseconds allowed) : allowed_(allowed) {}

  // Rounded up, so that a wait of this length does not end before the deadline; 0 when passed.
  std::chrono::milliseconds remaining() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now());
    return std::max(left, std::chrono::milliseconds(0));
  }
  // For poll(2).
  int remaining_ms() const { return static_cast<int>(remaining().count()); }
  bool passed() const { return remaining().count() == 0; }
  std::chrono::milliseconds allowed() const { return allowed_; }

 private:
  std::chrono::milliseconds allowed_;
  Clock::time_point end_ = Clock::now() + allowed_;
};

}  // namespace usher::hook
