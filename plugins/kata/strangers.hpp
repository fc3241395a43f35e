// Context ids that are no sandbox's here: to look for one costs a walk through all processes, and
// any virtual machine of the node can call.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>

namespace usher::kata {

class Strangers {
 public:
  using Clock = std::chrono::steady_clock;

  // False: it was looked for a moment ago.
  bool may_look(std::uint32_t cid, Clock::time_point now) const {
    const auto at = known_.find(cid);
    return at == known_.end() || now >= at->second.again;
  }
  // It was looked for and not found. True where a person is to be told: once until it is quiet.
  bool not_found(std::uint32_t cid, Clock::time_point now) {
    std::erase_if(known_, [&](const auto& one) { return now >= one.second.again + kQuiet; });
    if (known_.size() >= kMost && !known_.contains(cid)) {
      return false;
    }
    const auto [at, is_new] = known_.try_emplace(cid);
    at->second.again = now + at->second.pause;
    at->second.pause = std::min(at->second.pause * 2, kLongest);
    return is_new;
  }
  void found(std::uint32_t cid) { known_.erase(cid); }

 private:
  // A guest's hook tries for a second and more: it is looked for three times meanwhile.
  static constexpr std::chrono::milliseconds kFirst{250};
  static constexpr std::chrono::milliseconds kLongest{2000};
  static constexpr std::chrono::minutes kQuiet{1};
  static constexpr std::size_t kMost = 1024;

  struct Stranger {
    Clock::time_point again = {};
    std::chrono::milliseconds pause = kFirst;
  };
  std::map<std::uint32_t, Stranger> known_;
};

}  // namespace usher::kata
