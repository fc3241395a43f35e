// One call of usher.v1.RuntimeHooks/Hook over a unix socket, by nghttp2: gRPC's wire without its
// library, which would cost more at start than all the rest of the hook.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "hook/deadline.hpp"

namespace usher::hook {

// What came of asking the agent.
struct Outcome {
  enum class Kind : std::uint8_t {
    go,
    refused,      // the agent's own verdict: neither --fail open nor an exemption overrides it
    unavailable,  // no agent there, or it went away before it answered: worth another try
    failed,       // something there that is no agent, or a socket that may not be used
    late,         // the deadline passed
  };
  Kind kind = Kind::failed;
  std::string message;  // for refused the agent's words (raw bytes), else what went wrong
};

// One attempt. `message` is encode_request's.
Outcome call_once(const std::string& socket, std::string_view message, const Deadline& deadline);

// Attempts until an outcome that is not `unavailable`, or the deadline. The agent must take the
// same request twice: a connection can break between its verdict and our reading of it.
Outcome call(const std::string& socket, std::string_view message, const Deadline& deadline);

// First wait between attempts and the one it grows to.
inline constexpr std::chrono::milliseconds kFirstRetry{20};
inline constexpr std::chrono::milliseconds kLongestRetry{250};

}  // namespace usher::hook
