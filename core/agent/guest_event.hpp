// An event of a guest's agent, read as what it is: the guest's word. Pure.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "usher/v1/agent.pb.h"

namespace usher::agent {

// The parts of a usher.v1.Event that may be shown: bounded, words where words belong, with the flag
// "guest-word". Names of the pod are left out, the container's id stays for whoever looks it up;
// the time is left out, too: it is of the guest's clock. Errors: not such a message, no known type.
Result<v1::Event> read_guest_event(std::string_view bytes);

}  // namespace usher::agent
