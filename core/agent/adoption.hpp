// At start: joins what is pinned in the kernel with what is recorded on disk.
#pragma once

#include <cstddef>

#include "agent/journal.hpp"
#include "agent/locator.hpp"
#include "agent/profile_cache.hpp"
#include "agent/records.hpp"
#include "agent/registry.hpp"
#include "enforce/enforcer.hpp"

namespace usher::agent {

struct Adopted {
  std::size_t adopted = 0;        // in the kernel and recorded, running
  std::size_t dropped = 0;        // ended while no agent ran
  std::size_t enrolled_anew = 0;  // recorded and running, but not in the kernel any more
  std::size_t unattributed = 0;   // in the kernel, no record says who
};

// Adopted workloads hold the profile that they have in the kernel; reapply() brings them to the
// policies of now. Ended ones whose tasks live on are kept as ended. Nothing that still judges
// somebody is taken away.
Result<Adopted> adopt(Registry& registry, ProfileCache& profiles, const Records& records,
                      enforce::Enforcer& enforcer, const Locator& locator, Journal& journal);

}  // namespace usher::agent
