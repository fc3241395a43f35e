// The OCI state on standard input.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.hpp"
#include "hook/deadline.hpp"

namespace usher::hook {

inline constexpr std::size_t kMaxState = 4U << 20;

// Reads `fd` to its end. A state that is too long is read to its end as well, and then an error:
// crun takes a hook that leaves its state unread for one that failed, whatever it says.
Result<std::string> read_state_bytes(int fd, const Deadline& deadline);

// The same; after an error `state` has what was read until then.
Result<> read_state_bytes(int fd, const Deadline& deadline, std::string& state);

}  // namespace usher::hook
