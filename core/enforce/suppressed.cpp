#include "enforce/suppressed.hpp"

#include <algorithm>

namespace usher::enforce {

void SuppressedLedger::on_start(const usher_rate_key& key, const usher_rate& rate) {
  Told& told = told_for(key, rate.incarnation);
  told.by_events = rate.reported;
}

SuppressedLedger::Told& SuppressedLedger::told_for(const usher_rate_key& key,
                                                   std::uint32_t incarnation) {
  const auto [entry, first] = told_.try_emplace({key.workload, key.rule});
  Told& told = entry->second;
  if (first) {
    told.incarnation = incarnation;
  } else if (told.incarnation != incarnation) {
    told = Told{};
    told.incarnation = incarnation;
    told.anchored = false;
  }
  return told;
}

std::uint64_t SuppressedLedger::on_event(const usher_kernel_event& event) {
  if (event.suppressed == 0) {
    return 0;
  }
  Told& told = told_for({event.workload, event.rule}, event.incarnation);
  const Range range{told.by_events, told.by_events + event.suppressed};
  told.by_events = range.to;
  std::uint64_t known = 0;
  for (const Range& read : told.reads) {
    const std::uint64_t from = std::max(read.from, range.from);
    const std::uint64_t to = std::min(read.to, range.to);
    known += to > from ? to - from : 0;
  }
  std::erase_if(told.reads, [&](const Range& read) { return read.to <= range.to; });
  return event.suppressed - known;
}

std::uint64_t SuppressedLedger::on_read(const usher_rate_key& key, const usher_rate& rate) {
  // No entry is made for a rule that is quiet.
  if (rate.suppressed == rate.reported) {
    return 0;
  }
  Told& told = told_for(key, rate.incarnation);
  // Events that were sent before the agent started are counted by both; the kernel knows better.
  told.by_events = told.anchored ? std::min<std::uint64_t>(told.by_events, rate.reported)
                                 : std::uint64_t{rate.reported};
  told.anchored = true;
  const std::uint64_t from = std::max<std::uint64_t>(told.by_reads, rate.reported);
  if (rate.suppressed <= from) {
    return 0;
  }
  told.reads.push_back({from, rate.suppressed});
  told.by_reads = rate.suppressed;
  return rate.suppressed - from;
}

void SuppressedLedger::forget(const usher_rate_key& key) {
  told_.erase({key.workload, key.rule});
}

}  // namespace usher::enforce
