// The answer that an adapter waits for after publish.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/error.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

// What one adapter's unanswered events hold of the agent.
struct Load {
  std::atomic<std::uint32_t> events = 0;
  std::atomic<std::uint64_t> bytes = 0;
};

// Answers exactly once, with a failure if the agent lets go of it unanswered. Any thread. `load`
// outlives it.
class Gate {
 public:
  Gate(usher_done done, Load& load, std::size_t bytes);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  // Whether the adapter wants an answer.
  bool asked() const { return done_.call != nullptr; }
  // False where it was answered before.
  bool answer(const Result<>& result);
  bool answered() const { return answered_; }
  // For an event that was not taken: nobody hears of it.
  void disarm();

 private:
  bool close();

  const usher_done done_;
  Load& load_;
  const std::size_t bytes_;
  std::atomic<bool> answered_ = false;
};

// What an adapter hears when the agent stops, or lets go of what it asked.
inline Error stopping_error() {
  return {"the agent is stopping", ECANCELED};
}

}  // namespace usher::adapter
