// Loads runtime adapters (shared objects behind include/usher/plugin.h), chooses which run, and
// asks them who a container is. Only this part of Usher calls dlopen.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "adapter/guests.hpp"
#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::adapter {

using ConfigValue = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>>;
using Config = std::map<std::string, ConfigValue, std::less<>>;  // dotted keys

struct HostOptions {
  std::filesystem::path directory = "/usr/lib/usher/adapters";
  bool automatic = true;              // ask every adapter's probe
  std::vector<std::string> selected;  // when not automatic: names, or paths of .so files
  std::map<std::string, Config, std::less<>> config;  // by adapter name
  // How long a gate may stay open until the host answers it itself: the runtime waits no longer.
  std::chrono::milliseconds gate_deadline{2000};
  bool trust_any_owner = false;  // tests: files that are not root-owned are loaded
};

struct AdapterInfo {
  std::string name;
  std::string version;
  std::filesystem::path path;
  enum class State : std::uint8_t { running, not_chosen, failed, stopped } state;
  std::string reason;                 // why not, or the last health word
  std::vector<std::string> runtimes;  // names that its events and a hook's --runtime carry
  std::string selection;              // why it was chosen, or why not
  std::string health;                 // healthy, degraded, unhealthy; empty unless running
  std::map<std::string, std::uint64_t> counters;  // counters.hpp
};

// What an adapter published. `done`, where it is there, is called at most once, on the loop, when
// the event has been dealt with or with the reason why not. One that is dropped fails by itself,
// and a start that is not answered within HostOptions::gate_deadline too: a later answer has no
// effect.
struct AdapterEvent {
  enum class Kind : std::uint8_t {
    sandbox_starting,
    sandbox_gone,
    container_starting,
    container_running,
    container_gone,
    synced,   // all that exists was published; the rest is swept
    listing,  // all that exists follows, until synced
  } kind;
  std::string adapter;
  std::string runtime;
  identity::Identity identity;
  std::string cgroup_path;  // as the runtime said, may be empty
  int pid = 0;
  // Always with container_starting, but for a guest's; else where asked for.
  std::function<void(Result<>)> done;
};

class Host {
 public:
  using Log = std::function<void(int level, std::string_view adapter, std::string_view message)>;
  using Sink = std::function<void(AdapterEvent)>;

  static std::unique_ptr<Host> create(asio::io_context& loop, HostOptions options, Sink sink,
                                      Log log);
  virtual ~Host() = default;

  // Loads, probes, starts. An explicitly selected adapter that cannot start is an error; with
  // automatic selection a failed one is only listed, unless it refuses settings that were given.
  virtual Result<> start() = 0;
  // Asks the one adapter that serves `runtime`; errors: nobody serves it, the adapter refused (its
  // reason), no answer within the deadline.
  virtual asio::awaitable<Result<identity::Identity>> identify(
      std::string runtime, identity::OciState state, std::string raw_state,
      std::chrono::milliseconds deadline) = 0;
  // The runtime that policies know a container by which was identified just now, where that is not
  // the one that its hook named.
  virtual std::string runtime_of(const identity::Identity& /*who*/, const std::string& named) {
    return named;
  }
  virtual std::vector<AdapterInfo> adapters() const = 0;
  // Offers usher.guests/1 to adapters; before start. `desk` outlives this.
  virtual void serve_guests(GuestDesk& desk) { (void)desk; }
  // Tells every adapter that runs and relays for guests. Calls adapters, which may call the desk.
  virtual void tell_container(AdapterEvent::Kind kind, const identity::Identity& identity) {
    (void)kind, (void)identity;
  }
  virtual void tell_policies(const std::string& sandbox_id, const GuestPolicies& policies) {
    (void)sandbox_id, (void)policies;
  }
  // Stops all, waits for their stopped callback or the deadline.
  virtual asio::awaitable<void> stop(std::chrono::milliseconds deadline) = 0;
};

}  // namespace usher::adapter
