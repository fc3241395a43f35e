// Containers that another kernel runs, between the agent and the adapters that relay for them: what
// usher.guests/1 and usher.guest-relay/1 carry, as values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "identity/identity.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

struct GuestClaim {
  std::string sandbox_id;      // by the relay's transport
  std::string container_id;    // the guest's word
  std::string backend;         // lsm, tracepoint, none
  std::uint32_t enforces = 0;  // USHER_GUEST_ENFORCES_
};

struct GuestPolicy {
  std::string name;
  std::string text;
};

// All policies of a sandbox, as far as its containers were claimed.
struct GuestPolicies {
  std::uint64_t generation = 0;
  std::vector<GuestPolicy> items;
};

struct GuestGrant {
  identity::Identity identity;
  std::string runtime;
  std::shared_ptr<const GuestPolicies> policies;
};

// The guest's word of itself.
struct GuestSession {
  std::string backend;
  std::string kernel;
  std::string version;
  std::string trouble;
  std::string problem;
  std::uint32_t enforces = 0;
  std::uint64_t applied = 0;
  bool away = false;
};

enum class GuestStage : std::uint8_t { running = USHER_GUEST_RUNNING, ended = USHER_GUEST_ENDED };

// What relays ask the agent; `adapter` is who asks. All on the loop.
class GuestDesk {
 public:
  virtual ~GuestDesk() = default;
  // Errors with EAGAIN: not known (yet); others are the refusal.
  virtual Result<GuestGrant> claim(const std::string& adapter, const GuestClaim& claim) = 0;
  virtual void report(const std::string& sandbox_id, const std::string& container_id,
                      GuestStage stage) = 0;
  virtual void session(const std::string& adapter, const std::string& sandbox_id,
                       GuestSession session) = 0;
  virtual void no_session(const std::string& sandbox_id) = 0;
  // The bytes of a usher.v1.Event, unread.
  virtual void told(const std::string& sandbox_id, std::string_view event) = 0;
  // level as the C ABI's; type is a word of a-z and '-'.
  virtual void warn(const std::string& adapter, int level, const std::string& sandbox_id,
                    const std::string& container_id, const std::string& type,
                    const std::string& message) = 0;
};

}  // namespace usher::adapter
