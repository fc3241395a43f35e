// What waits to be sent. Claims and answers go first and belong to one session; what is told may
// wait for the next one, is bounded, and the newest is dropped and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace usher::guest {

class Outbox {
 public:
  static constexpr std::size_t kFrames = 1024;
  static constexpr std::size_t kBytes = 4U << 20;

  void urgent(std::string frame) { urgent_.push_back(std::move(frame)); }
  // False: there is no room.
  bool tell(std::string frame) {
    if (told_.size() >= kFrames || told_bytes_ + frame.size() > kBytes) {
      ++dropped_;
      return false;
    }
    told_bytes_ += frame.size();
    told_.push_back(std::move(frame));
    return true;
  }
  std::optional<std::string> take() {
    auto& from = urgent_.empty() ? told_ : urgent_;
    if (from.empty()) {
      return std::nullopt;
    }
    auto frame = std::move(from.front());
    from.pop_front();
    if (&from == &told_) {
      told_bytes_ -= frame.size();
    }
    return frame;
  }
  void forget_urgent() { urgent_.clear(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::deque<std::string> urgent_;
  std::deque<std::string> told_;
  std::size_t told_bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace usher::guest
