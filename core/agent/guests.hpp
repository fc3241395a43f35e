// Containers that another kernel runs (Kata's guests): who they are, by their runtime's adapter,
// and whether they may run, for the relays that ask on behalf of a guest. No kernel of the agent's
// sees them, so the runtime's word and the relay's are all there is. On the loop.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapter/host.hpp"
#include "agent/guest_capabilities.hpp"
#include "agent/guest_voices.hpp"
#include "agent/journal.hpp"
#include "agent/resolution.hpp"
#include "agent/sandboxes.hpp"
#include "agent/throttle.hpp"

namespace usher::agent {

struct GuestContainer {
  // created: told, and held back in its guest; approved: claimed, and may run.
  enum class State : std::uint8_t { created, approved, running, ended };

  identity::Identity identity;  // as its runtime told it; Guests::whole() has the pod's part too
  std::string adapter;          // whose word it is; empty: a relay's claim alone (a sandbox's own)
  std::string runtime;
  State state = State::created;
  bool claimed = false;
  bool seen = true;                   // since its runtime's list began
  policy::RuleSet rules;              // that it runs under; of none that is created
  std::vector<std::string> degraded;  // of those: what its guest cannot carry out
  std::string problem;                // why these are older than the policies in force
};

struct GuestSandbox {
  std::map<std::string, GuestContainer, std::less<>> containers;  // by id
  GuestKernel kernel;                                      // as the session says, or the last claim
  std::optional<adapter::GuestSession> session;            // the last one
  bool connected = false;                                  // it is there now
  std::shared_ptr<const adapter::GuestPolicies> policies;  // null: nobody has asked yet
};

class Guests final : public adapter::GuestDesk {
 public:
  struct Limits {
    std::size_t sandboxes = 4096;
    std::size_t containers = 16384;  // of one adapter
    std::size_t in_sandbox = 256;
    std::size_t identity_bytes = 64U << 10;
    std::size_t policies = 4096;          // of one sandbox
    std::size_t policy_bytes = 8U << 20;  // of one sandbox
  };
  struct Parts {
    asio::io_context& loop;
    const Sandboxes& sandboxes;
    Resolution& policies;
    adapter::Host& adapters;
    Journal& journal;
    // Generations go on from here: greater than any of an earlier agent.
    std::uint64_t first_generation = 1;
    Throttle::Now now = &Throttle::Clock::now;
    Limits limits = {};
  };
  explicit Guests(Parts parts);
  Guests(const Guests&) = delete;
  Guests& operator=(const Guests&) = delete;

  // An event of a guest's container or sandbox. Relays are told of it, after this call.
  Result<> take(const adapter::AdapterEvent& event);
  // A runtime's list begins, and is complete: containers that it does not name are forgotten.
  void begin_list(const std::string& adapter, const std::string& runtime);
  std::size_t sweep(const std::string& adapter, const std::string& runtime);
  // More is known of sandboxes, or other policies are in force: each container is brought to them
  // where its guest can carry them out, and relays are told of what changed.
  struct Reapplied {
    std::size_t switched = 0;
    std::size_t kept = 0;
  };
  Reapplied reapply();

  // adapter::GuestDesk
  Result<adapter::GuestGrant> claim(const std::string& adapter,
                                    const adapter::GuestClaim& claim) override;
  void report(const std::string& sandbox_id, const std::string& container_id,
              adapter::GuestStage stage) override;
  void session(const std::string& adapter, const std::string& sandbox_id,
               adapter::GuestSession session) override;
  void no_session(const std::string& sandbox_id) override;
  void told(const std::string& sandbox_id, std::string_view event) override;
  void warn(const std::string& adapter, int level, const std::string& sandbox_id,
            const std::string& container_id, const std::string& type,
            const std::string& message) override;

  const std::map<std::string, GuestSandbox, std::less<>>& sandboxes() const { return sandboxes_; }
  // With what is known of its pod.
  identity::Identity whole(const GuestContainer& container) const;
  // The pod's sandbox, as far as it is known; its id at least.
  identity::Identity whole(const std::string& sandbox_id) const;
  std::size_t size() const { return places_.size(); }
  // A person's word, as Registry::find's but for slots. ENOENT: none is called that.
  struct Place {
    const GuestSandbox* sandbox;
    const GuestContainer* container;
  };
  Result<Place> find(std::string_view word) const;
  // For who would release one of that name: what this node's kernel does not judge, it cannot let
  // be. `unknown`: what is said where none is called that.
  Error why_not_released(std::string_view word, Error unknown) const;
  // For status.
  std::vector<std::string> warnings() const;

 private:
  Result<GuestContainer*> known(const adapter::AdapterEvent& event);
  Result<GuestSandbox*> sandbox(const std::string& id);
  GuestContainer* at(const std::string& sandbox_id, const std::string& container_id);
  void unsee(const std::string& adapter, const std::string& runtime);
  // Only some of its containers may be known: what they run under together is not known yet.
  bool is_being_listed(const GuestSandbox& sandbox) const;
  void running(const std::string& sandbox_id, GuestContainer& container);
  void drop(const std::string& sandbox_id, const std::string& container_id);
  void drop_sandbox(const std::string& id);
  void drop_if_empty(const std::string& sandbox_id);
  Result<adapter::GuestGrant> decide(const adapter::GuestClaim& claim);
  Result<adapter::GuestGrant> decide_sandbox(const adapter::GuestClaim& claim);
  Result<adapter::GuestGrant> grant(const adapter::GuestClaim& claim, GuestSandbox& sandbox,
                                    GuestContainer& container, Result<policy::RuleSet> rules,
                                    const identity::Identity& who, const std::string& runtime);
  // Brings a container that runs to the policies in force; true where something changed.
  bool reapply(const std::string& sandbox_id, GuestSandbox& sandbox, GuestContainer& container);
  void reapply_all(const std::string& sandbox_id, GuestSandbox& sandbox, Reapplied& done);
  // Its runtime has told of it: what is known of its own container, and labels, may be news.
  void learn_of(const std::string& sandbox_id);
  // All texts that the containers run under; a new generation where they are other than before.
  Result<std::shared_ptr<const adapter::GuestPolicies>> join_policies(const GuestSandbox& sandbox);
  void refresh(const std::string& sandbox_id, GuestSandbox& sandbox);
  void tell(adapter::AdapterEvent::Kind kind, const identity::Identity& identity);
  void tell_policies(const std::string& sandbox_id);

  Parts p_;
  std::map<std::string, GuestSandbox, std::less<>> sandboxes_;
  std::map<std::string, std::string, std::less<>> places_;  // container id → sandbox id
  std::map<std::string, std::size_t, std::less<>> counts_;  // containers, by adapter
  GuestVerdicts verdicts_;
  std::uint64_t next_generation_;
  std::set<std::pair<std::string, std::string>> listing_;  // adapter, runtime: its list is coming
  std::set<std::string> changed_;  // sandboxes whose relays are to be told of their policies
  GuestVoices lines_;              // what their doings make the agent tell
  GuestVoices events_;             // what they tell
};

}  // namespace usher::agent
