// What the containerd that runs has taken as its configuration, by its own word.
#pragma once

#include <chrono>
#include <string>

#include "base/error.hpp"
#include "containerd/install/handlers.hpp"

namespace usher::containerd {

// From CRI's verbose Status, on the socket at `socket` as it lies here. Waits for the answer.
// Errors: the channel's (cri/channel.hpp).
Result<Handlers> in_force(const std::string& socket, std::chrono::milliseconds deadline);

}  // namespace usher::containerd
