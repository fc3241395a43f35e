// What one guest may ask of the relay, and how that is counted.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace usher::kata {

// Filled up to `most`, at `per_second`; what is spent beyond is owed.
class Budget {
 public:
  using Clock = std::chrono::steady_clock;

  Budget(double most, double per_second) : most_(most), per_second_(per_second), left_(most) {}

  void spend(double amount, Clock::time_point now) {
    refill(now);
    left_ -= amount;
  }
  // False, and nothing is spent, where so much is not there.
  bool take(double amount, Clock::time_point now) {
    refill(now);
    if (left_ < amount) {
      return false;
    }
    left_ -= amount;
    return true;
  }
  bool in_debt() const { return left_ < 0; }

 private:
  void refill(Clock::time_point now) {
    const std::chrono::duration<double> passed = now - since_;
    since_ = now;
    left_ = std::min(most_, left_ + passed.count() * per_second_);
  }

  double most_;
  double per_second_;
  double left_;
  Clock::time_point since_ = Clock::now();
};

// Of one sandbox. A pod has a few containers, which its guest makes one after the other.
struct Limits {
  std::size_t connections = 16;         // at a time
  double connections_per_second = 20;   // and three times that at once
  double claims_per_minute = 120;       // and half of that at once
  double frames_per_second = 500;       // and twice that at once; more waits
  double bytes_per_second = 4U << 20U;  // and twice that at once; more waits
  std::size_t nonces = 1024;            // that are remembered
};

}  // namespace usher::kata
