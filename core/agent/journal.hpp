// Where everything that happens is told: one event to the hub and one line to the log.
#pragma once

#include <string>
#include <string_view>

#include "agent/hub.hpp"
#include "agent/log.hpp"
#include "agent/registry.hpp"

namespace usher::agent {

class Journal {
 public:
  Journal(Hub& hub, Log& log) : hub_(hub), log_(log) {}

  // An event without a time gets the current one. Its severity decides the log's level.
  void publish(v1::Event event);
  // An event of the agent's own making; `about` may be null. A message and names longer than
  // kShownField (shown.hpp) are cut.
  void tell(LogLevel level, std::string_view type, std::string_view message,
            const identity::Identity* about = nullptr);
  Log& log() { return log_; }

 private:
  Hub& hub_;
  Log& log_;
};

// The parts of an event that say whom it is about.
void describe(const identity::Identity& who, v1::Event& event);

}  // namespace usher::agent
