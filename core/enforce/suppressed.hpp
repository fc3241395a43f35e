// Tells each suppressed event once: with the next event of its rule, or when it is asked for,
// whichever comes first.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "usher_bpf.h"

namespace usher::enforce {

// Pure. For each (workload, rule) the kernel numbers what it holds back: `suppressed` is the last
// number, `reported` the last one that an event was sent about. An event tells the numbers that
// follow those of the event before it. A new incarnation of a workload skips what the one before it
// left untold.
class SuppressedLedger {
 public:
  // The kernel's record when this agent starts: what was reported was told before.
  void on_start(const usher_rate_key& key, const usher_rate& rate);
  // An event came: the part of its `suppressed` that was not told by a read.
  std::uint64_t on_event(const usher_kernel_event& event);
  // The kernel's record is read: what no event tells or will tell, and no read told before. It
  // counts as told from now on.
  std::uint64_t on_read(const usher_rate_key& key, const usher_rate& rate);
  // The kernel's record is gone.
  void forget(const usher_rate_key& key);

 private:
  struct Range {  // the numbers after `from`, up to and with `to`
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };
  struct Told {
    std::uint32_t incarnation = 0;
    bool anchored = true;  // by_events is the kernel's number
    std::uint64_t by_events = 0;
    std::uint64_t by_reads = 0;
    std::vector<Range> reads;  // not yet passed by events
  };

  Told& told_for(const usher_rate_key& key, std::uint32_t incarnation);

  std::map<std::pair<std::uint32_t, std::uint32_t>, Told> told_;
};

}  // namespace usher::enforce
