// What the agent is when it runs in a guest: policies come from the host's relay and are kept as a
// directory's are, events go there, and what the kernel says of containers is reported.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/hub.hpp"
#include "agent/journal.hpp"
#include "agent/policy_store.hpp"
#include "agent/registry.hpp"
#include "agent/throttle.hpp"
#include "enforce/enforcer.hpp"
#include "guest/guest_host.hpp"

namespace usher::agent {

// What a guest says of itself, by the kernel that it has.
guest::Greeting greeting_of(const enforce::Enforcer& enforcer);

class GuestSide {
 public:
  struct Parts {
    asio::io_context& loop;
    guest::RelayAddress relay;
    std::filesystem::path token_file;
    const enforce::Enforcer& enforcer;
    const Registry& registry;
    Hub& hub;
    Journal& journal;
    // Makes the store read texts() and brings every workload to what it then has.
    std::function<void(std::string_view why)> reload;
    guest::SessionTiming timing = {};
  };
  explicit GuestSide(Parts parts);

  // For PolicyStore::Options::texts. An error until the host has sent a set.
  Result<std::map<std::string, std::string>> texts() const;
  // The agent's host of adapters. Once.
  std::unique_ptr<adapter::Host> host() const;
  // `store`: what reload() loads; stays.
  void start(const PolicyStore& store);
  // Calls `ready` once: when the session is open, or `patience` has passed without one.
  void when_open(std::chrono::milliseconds patience, std::function<void(bool open)> ready);
  // Its program has begun, as the kernel has seen or, with a backend that sees nothing, a hook
  // says.
  void runs(const Entry& entry);

 private:
  guest::Applied apply(const guest::PolicySet& set);
  asio::awaitable<void> tell_all(std::unique_ptr<api::EventSubscription> events);
  void tell(const v1::Event& event);

  Parts p_;
  const PolicyStore* store_ = nullptr;
  std::optional<std::map<std::string, std::string>> texts_;
  std::shared_ptr<guest::Session> session_;
  Throttle rate_;
  asio::steady_timer patience_;
  std::function<void(bool open)> ready_;
};

}  // namespace usher::agent
