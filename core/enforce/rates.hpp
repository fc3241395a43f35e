// The kernel's table of rate limits, read for what its events did not tell.
#pragma once

#include <functional>
#include <vector>

#include "enforce/enforcer.hpp"
#include "enforce/suppressed.hpp"

namespace usher::enforce {

// On the owner's thread. Reading is a few system calls, whatever the table holds.
class Rates {
 public:
  explicit Rates(int map_fd) : map_fd_(map_fd) {}

  // Once, before any event is consumed.
  void start();
  // Leaves in the event what was not told before.
  void on_event(usher_kernel_event& event) { event.suppressed = ledger_.on_event(event); }
  // What nobody has told. Entries of workloads that are gone are removed.
  std::vector<Enforcer::Suppressed> take(const std::function<bool(const usher_rate_key&)>& live);

 private:
  void for_each(const std::function<void(const usher_rate_key&, const usher_rate&)>& visit) const;

  int map_fd_;
  SuppressedLedger ledger_;
};

}  // namespace usher::enforce
