// Profiles that pods will most likely need, loaded when their sandboxes are told: the gate of a
// pod's first container then finds its profile in the kernel. A guess and nothing more: it opens
// nothing, what it cannot load is loaded at the gate, and a gate that needs the room gets it.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/profile_cache.hpp"
#include "agent/registry.hpp"
#include "agent/resolution.hpp"
#include "agent/sandboxes.hpp"
#include "agent/throttle.hpp"

namespace usher::agent {

// [loop]
class Prepared {
 public:
  // An image that takes longer to pull costs its first container what it costs without us.
  static constexpr std::chrono::seconds kKept{300};
  static constexpr std::size_t kMaxPods = 256;  // held, and as many that wait
  // Beyond this share of the arena its room is the gates'.
  static constexpr std::uint32_t kMaxCells = USHER_ARENA_CELLS / 2;

  struct Parts {
    asio::io_context& loop;
    const Sandboxes& sandboxes;
    const Registry& registry;
    Resolution& policies;
    ProfileCache& profiles;
    const enforce::Enforcer& enforcer;
    Throttle::Now now = &Throttle::Clock::now;
  };
  explicit Prepared(Parts parts) : p_(std::move(parts)) {}
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  // A sandbox whose record is kept starts. Its profiles are loaded soon, one pod in a turn of the
  // loop. Of policies that select by container or image nothing is known yet: a container that they
  // select has its profile loaded at its gate.
  void expect(const std::string& runtime, const std::string& sandbox);
  // It is gone: its profiles are let go, unless a workload has them.
  void drop(const std::string& runtime, const std::string& sandbox);
  // Lets go what is held for longer than kKept.
  void sweep();
  // The policies have changed: what is held is loaded anew.
  void renew();
  // Lets go all, because a gate needs the room. False: there was nothing to let go.
  bool make_room();

  std::size_t size() const { return held_.size(); }

 private:
  using Key = std::pair<std::string, std::string>;  // runtime, sandbox
  struct Held {
    std::vector<ProfileHandle> profiles;
    Throttle::Clock::time_point until;
  };

  void wake();
  void load(const Key& key);
  std::vector<std::uint32_t> likely_merges() const;

  Parts p_;
  std::map<Key, Held> held_;
  std::deque<Key> waiting_;
  bool awake_ = false;    // a turn of the loop is asked for
  bool loading_ = false;  // room that is needed now is needed by us
};

}  // namespace usher::agent
