// The node-wide configuration that the kernel programs read.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.hpp"
#include "enforce/enforcer.hpp"
#include "usher_bpf.h"

namespace usher::enforce {

// Whether `config` carries a key: then profiles in the kernel were made with it and it must stay.
bool has_key(const usher_config& config);

// Draws a key if there is none, fills in what follows from it and the event limits. The key's seed
// is written last: a crash leaves no half key that looks whole.
Result<> prepare_config(usher_config& config, std::uint32_t event_burst,
                        std::uint32_t event_window_ms);

// Replaces the host's roots, one by one, by those found now; never empties a place that still
// holds a root of `roots`. More than USHER_HOST_ROOTS is an error.
Result<> set_host_roots(usher_config& config, std::span<const std::uint64_t> roots);

// Writes all but the answer. `workload`: whom exempt programs are given to.
Result<> set_unenrolled_rules(usher_unenrolled& rules, const usher_key& key,
                              const Unenrolled& wanted, std::uint32_t workload);

}  // namespace usher::enforce
