// One claim to the relay on the host, over vsock or a unix socket. docs/kata.md.
#pragma once

#include <string>
#include <string_view>

#include "hook/client.hpp"
#include "hook/deadline.hpp"
#include "hook/guest_config.hpp"

namespace usher::hook {

// Asks until there is a verdict or the deadline passed. `unavailable` only where nobody ever took
// the call: a relay that took it and was silent, or hung up again and again, is `late` or `failed`,
// because a workload of the guest may be what keeps it busy. A new attempt is a new claim.
Outcome ask_relay(const GuestConfig& config, std::string_view container_id,
                  const Deadline& deadline);

}  // namespace usher::hook
