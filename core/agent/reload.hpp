// Brings every workload to the policies in force: all new profiles are in the kernel before the
// first workload is switched, each switch is one store, and the old profiles go last.
#pragma once

#include <cstddef>

#include "agent/journal.hpp"
#include "agent/profile_cache.hpp"
#include "agent/registry.hpp"
#include "agent/resolution.hpp"
#include "enforce/enforcer.hpp"

namespace usher::agent {

struct Reapplied {
  std::size_t switched = 0;
  std::size_t kept = 0;  // workloads whose new policies cannot be carried out: they keep the old
};

// A workload that cannot be moved keeps its profile; the reason is in its entry and in the log.
Reapplied reapply(Registry& registry, Resolution& policies, ProfileCache& profiles,
                  enforce::Enforcer& enforcer, Journal& journal);

// The same for one workload. On an error it keeps its profile and nothing is said.
Result<> reapply_to(Entry& entry, Resolution& policies, ProfileCache& profiles,
                    enforce::Enforcer& enforcer);

}  // namespace usher::agent
