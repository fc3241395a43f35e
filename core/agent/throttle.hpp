// Keeps what repeats from flooding the log: some in each window of time, and a count of the rest.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace usher::agent {

class Throttle {
 public:
  using Clock = std::chrono::steady_clock;
  using Now = std::function<Clock::time_point()>;

  Throttle(std::uint32_t burst, std::chrono::seconds window, Now now = &Clock::now)
      : burst_(burst), window_(window), now_(std::move(now)) {}

  // Nothing: hold this one back. Else how many were held back since the last that passed.
  std::optional<std::uint64_t> pass() {
    const auto now = now_();
    if (!begun_ || now - *begun_ >= window_) {
      begun_ = now;
      passed_ = 0;
    }
    if (passed_ == burst_) {
      ++held_;
      return std::nullopt;
    }
    ++passed_;
    return std::exchange(held_, 0);
  }

 private:
  std::uint32_t burst_;
  std::chrono::seconds window_;
  Now now_;
  std::optional<Clock::time_point> begun_;  // of this window
  std::uint32_t passed_ = 0;                // in this window
  std::uint64_t held_ = 0;
};

}  // namespace usher::agent
