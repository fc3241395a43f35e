// Keeps a peer that knocks without end from filling the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace usher::api {

// At most `burst` lines in `window`; the next one that is let through says how many were not.
class RefusalLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  RefusalLimiter(std::uint32_t burst, std::chrono::milliseconds window)
      : burst_(burst), window_(window) {}

  // How many were held back since the last line, if this one may be told; else nothing.
  std::optional<std::uint64_t> admit(Time now) {
    if (told_ == 0 || now - since_ >= window_) {
      since_ = now;
      told_ = 0;
    }
    if (told_ == burst_) {
      ++held_back_;
      return std::nullopt;
    }
    ++told_;
    const auto held_back = held_back_;
    held_back_ = 0;
    return held_back;
  }

 private:
  std::uint32_t burst_;
  std::chrono::milliseconds window_;
  Time since_;
  std::uint32_t told_ = 0;
  std::uint64_t held_back_ = 0;
};

}  // namespace usher::api
