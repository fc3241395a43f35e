// A loop for installers, which run without the agent's: what waits for usher.loop/1 can be used
// there too, until it has its answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>

#include "usher/plugin.h"

namespace usher::install {

// One thread's. Pass table() and this where a host's loop and its context are asked for.
class PollLoop {
 public:
  PollLoop();
  PollLoop(const PollLoop&) = delete;
  PollLoop& operator=(const PollLoop&) = delete;
  ~PollLoop() = default;

  const usher_loop* table() const { return &table_; }
  // Calls back until `done` holds, nothing is left to wait for, or `until` has come.
  void run(const std::function<bool()>& done, std::chrono::steady_clock::time_point until);

 private:
  using Clock = std::chrono::steady_clock;
  struct Watch {
    int fd;
    std::uint32_t events;
    usher_callback callback;
  };
  struct Timer {
    Clock::time_point at;
    usher_callback callback;
  };
  void run_timers();
  void wait(Clock::time_point until);

  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Watch> watches_;
  std::map<std::uint64_t, Timer> timers_;
  usher_loop table_;
};

}  // namespace usher::install
