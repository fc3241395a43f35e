// What one adapter did and did wrong, counted from any thread; `usherctl adapters` shows it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace usher::adapter {

enum class Count : std::uint8_t {
  events,  // taken from the adapter, gates included
  gates,
  gates_timed_out,  // the agent did not decide in time
  refused_busy,     // events, watches, timers and posts that had no room
  log_lines_dropped,
  // From here on the adapter broke a rule of plugin.h.
  short_structs,  // a struct of less than version 1.0's size
  wild_lengths,   // a size, length or count that cannot be
  null_members,   // a null pointer where the contract wants one that is none
  bad_values,     // a kind, flag, runtime, pid … that is not acceptable
  answered_twice,
  answered_late,  // after the host's deadline
  calls_after_stop,
  wrong_threads,
  slow_calls,  // a [main] call held up the loop
  never_stopped,
};
constexpr std::size_t kCounts = 15;

std::string_view name_of(Count count);

// How an adapter broke a rule: a clause that goes after "it".
struct Misuse {
  Count kind;
  std::string what;
};

class Counters {
 public:
  // The count after this one.
  std::uint64_t add(Count count) { return ++values_[static_cast<std::size_t>(count)]; }
  std::uint64_t of(Count count) const { return values_[static_cast<std::size_t>(count)]; }
  // Every name, also those at 0.
  std::map<std::string, std::uint64_t> all() const;

 private:
  std::array<std::atomic<std::uint64_t>, kCounts> values_{};
};

// Whether the nth of its kind is worth a line: the 1st, 2nd, 4th, 8th … A flood stays readable.
constexpr bool worth_a_line(std::uint64_t nth) {
  return (nth & (nth - 1)) == 0;
}

}  // namespace usher::adapter
