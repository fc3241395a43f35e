// The relay: guests' connections on one side, the agent on the other.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "kata/absence.hpp"
#include "kata/cgroups.hpp"
#include "kata/cid_owners.hpp"
#include "kata/claims.hpp"
#include "kata/guest.hpp"
#include "kata/memory.hpp"
#include "kata/sandbox_watch.hpp"
#include "kata/settings.hpp"
#include "kata/vsock_listener.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {

// The agent keeps as many of an adapter.
inline constexpr std::size_t kMaxSandboxes = 4096;

// [main]
class Relay {
 public:
  // What a test makes smaller.
  struct Bounds {
    Limits limits = {};
    std::chrono::milliseconds first_frame{1000};
    std::chrono::milliseconds verdict{1800};  // the guest's agent waits with its lock: 2 s
    Kernel kernel = {};
    std::string own_cgroup = {};
  };

  // Throws plugin::Failure where the host offers neither loop nor usher.guests/1.
  Relay(plugin::Host host, Options options, Bounds bounds);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() { stop(); }

  void start();
  // As usher.guest-relay/1.
  void container(std::uint32_t kind, const plugin::Identity& identity);
  void policies(std::string_view sandbox, const plugin::GuestPolicies& policies);
  // Sockets are removed, connections closed; nothing is published or asked any more.
  void stop();

  std::size_t sandboxes() const { return sandboxes_.size(); }
  std::size_t listening() const { return watch_.listening(); }
  // Whom else to ask for a container that the agent does not know; before start.
  void ask_elsewhere(Claims::Unknown unknown) { elsewhere_ = std::move(unknown); }
  // Who hears that a sandbox has ended; before start.
  void tell_gone(std::function<void(const std::string& sandbox)> gone) { gone_ = std::move(gone); }
  // Something of this sandbox was published: claims that wait for it are asked again.
  void hurry(const std::string& sandbox) { claims_.hurry(sandbox); }

 private:
  struct Sandbox {
    std::shared_ptr<Guest> guest;
    bool is_cut = false;                       // the name is not the whole id
    std::set<std::string> directories;         // their names
    std::optional<plugin::Identity> identity;  // of the sandbox, as its runtime told it
    std::string cgroup;                        // its own on the host; empty: not known
    Peer monitor;                              // placed, where it is known
    // The agent has, or is being told of, this monitor.
    std::shared_ptr<bool> published = std::make_shared<bool>(false);
  };

  Sandbox& sandbox_of(const std::string& name, bool is_cut);
  // With this id, or what a directory has of it; null: none.
  Sandbox* find(std::string_view id);
  // Whose directory has this name; null: none.
  Sandbox* find_directory(const std::string& name, bool is_cut);
  void directory_came(const std::string& name, bool is_cut);
  void look_at_directories(const std::string& id);
  void gone(const std::string& name);
  // A container of this runtime handler has a guest hook.
  bool is_expected(const std::string& handler) const;
  void told(Sandbox& sandbox, const plugin::Identity& identity);
  void directory_gone(const std::string& name);
  void connected(const std::string& name, uid_t owner, Fd peer);
  void vsock_connected(std::uint32_t cid, Fd peer);
  void look_for_cgroup(Sandbox& sandbox);
  void look_for_monitor(Sandbox& sandbox);
  void publish_monitor(Sandbox& sandbox);
  void missing(const std::string& id, const std::string& container, bool refused);
  void kill(Sandbox& sandbox, const std::string& container);
  void forget_stale();

  plugin::Host host_;
  Options options_;
  Bounds bounds_;
  cri::Loop loop_;
  uid_t trusted_;
  Memory memory_;
  Claims::Unknown elsewhere_;
  std::function<void(const std::string& sandbox)> gone_;
  Claims claims_;
  Absence absence_;
  Desk desk_;
  std::map<std::string, Sandbox, std::less<>> sandboxes_;  // by the guest's name
  CidOwners cids_;
  SandboxWatch watch_;
  VsockListener vsock_;
};

}  // namespace usher::kata
