// How workloads end: a cgroup that goes ends the enrolment; the slot, the record and the hold on
// the profile stay until no task carries the workload.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <string>

#include "agent/journal.hpp"
#include "agent/locator.hpp"
#include "agent/records.hpp"
#include "agent/registry.hpp"
#include "enforce/enforcer.hpp"

namespace usher::agent {

class Lifetimes {
 public:
  Lifetimes(asio::io_context& loop, Registry& registry, const Records& records,
            enforce::Enforcer& enforcer, Journal& journal, const Locator& locator);

  // The kernel said that the cgroup is gone.
  void cgroup_gone(std::uint64_t cgroup_id);
  // A hint: ends the workload if its cgroup is really gone.
  void check(std::uint32_t slot);
  // Looks at every workload, for what no event told.
  void sweep();
  // Forgets what has ended and nobody carries any more. Calls itself again, with growing pauses,
  // while something is left.
  void reap();
  void stop() { timer_.cancel(); }

 private:
  void end(std::uint32_t slot);
  void forget(std::uint32_t slot);
  void again_later();

  Registry& registry_;
  const Records& records_;
  enforce::Enforcer& enforcer_;
  Journal& journal_;
  const Locator& locator_;
  asio::steady_timer timer_;
  std::map<std::uint32_t, std::string> unforgotten_;  // by slot, why: each reason is told once
  bool waiting_ = false;
  std::chrono::milliseconds pause_;
};

}  // namespace usher::agent
