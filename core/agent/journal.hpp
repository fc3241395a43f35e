// Where everything that happens is told: one event to the hub and one line to the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "agent/hub.hpp"
#include "agent/log.hpp"
#include "agent/registry.hpp"
#include "agent/throttle.hpp"

namespace usher::agent {

class Journal {
 public:
  explicit Journal(Hub& hub, Log& log, Throttle::Now now = &Throttle::Clock::now)
      : hub_(hub), log_(log), adapter_events_(kAdapterEvents, kWindow, std::move(now)) {}

  // An event without a time gets the current one. Its severity decides the log's level.
  void publish(v1::Event event);
  // An event of the agent's own making; `about` may be null. A message and names longer than
  // kShownField (shown.hpp) are cut.
  void tell(LogLevel level, std::string_view type, std::string_view message,
            const identity::Identity* about = nullptr);
  // What an adapter, or the host of it, says: a line of the log; from warnings on an event too, as
  // many a minute as leave room for those of workloads.
  void adapter_said(LogLevel level, std::string_view adapter, std::string_view message);
  Log& log() { return log_; }

 private:
  static constexpr std::uint32_t kAdapterEvents = 60;
  static constexpr std::chrono::seconds kWindow{60};

  void to_subscribers(v1::Event event);

  Hub& hub_;
  Log& log_;
  Throttle adapter_events_;
};

// The parts of an event that say whom it is about.
void describe(const identity::Identity& who, v1::Event& event);

}  // namespace usher::agent
