// Waits, on a thread of its own, until no kernel program can still hold what was taken out of use.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.hpp"

namespace usher::enforce {

// Blocks for about 10 ms: until every BPF program that ran when it was called has ended.
// membarrier(GLOBAL) waits for an RCU grace period; under nohz_full it is refused, and the update
// of a map of maps, which waits for one too, takes its place.
Result<> wait_for_readers();

// Every call but the constructor and destructor: the owner's thread. Requests that arrive while a
// period runs share the next one.
class Grace {
 public:
  using Wait = std::function<Result<>()>;
  explicit Grace(Wait wait = wait_for_readers);
  ~Grace();
  Grace(const Grace&) = delete;
  Grace& operator=(const Grace&) = delete;

  // A ticket: once passed() has reached it, a whole period has gone by since this call.
  std::uint64_t request();
  std::uint64_t passed() const;
  // Blocks until `ticket` has passed, or the wait is impossible on this kernel.
  Result<> await(std::uint64_t ticket);
  // Why periods cannot be waited for: then nothing passes, and nothing is ever reused.
  std::optional<Error> failure() const;

 private:
  void run(const std::stop_token& stop);

  Wait wait_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t requested_ = 0;
  std::uint64_t passed_ = 0;
  std::optional<Error> failure_;
  std::jthread thread_;  // last: ends before what it uses
};

}  // namespace usher::enforce
