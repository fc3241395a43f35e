// One sandbox's guest: who speaks for it, what it may ask, what it is told. Decision 17.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "cri/loop.hpp"
#include "kata/claims.hpp"
#include "kata/limits.hpp"
#include "kata/memory.hpp"
#include "kata/stream.hpp"
#include "kata/words.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {

// What all guests share; outlives them.
struct Desk {
  plugin::Host host;
  cri::Loop loop;
  plugin::Guests guests;
  Claims& claims;
  const Memory& memory;
  Limits limits = {};
  std::chrono::milliseconds first_frame{1000};
  std::chrono::milliseconds farewell{1000};  // for an answer to be read
  // A container of the sandbox was granted, or not.
  std::function<void(const std::string& sandbox, const std::string& container, bool granted)>
      judged = {};
};

// The guest's agent, as long as the sandbox is.
struct AgentSession {
  std::uint64_t link = 0;  // 0: broken off
  v1::Hello hello;
  std::uint64_t sent = 0;  // the generation, to this link
  std::uint64_t applied = 0;
  std::string problem;
};

// [main] Held by shared_ptr.
class Guest : public std::enable_shared_from_this<Guest> {
 public:
  // `name`: the sandbox's id, or, where `is_short`, what its directory has of it.
  Guest(Desk& desk, std::string name, bool is_short);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() { close(); }

  // A connection whose other end is this sandbox's virtual machine.
  void connected(Fd fd);
  // Its id, where the name is short: from now on.
  void is(const std::string& sandbox_id);
  // Empty as long as it is not known.
  const std::string& sandbox_id() const { return id_; }
  const std::string& name() const { return name_; }
  // Its runtime says that a container's program runs: who speaks from now on may be that.
  void runs() { runs_ = true; }
  // Its runtime says that a container is gone.
  void forget(const std::string& container);
  // Containers that were let start, also by an agent before this one.
  const std::set<std::string>& granted() const { return known_.granted; }
  void policies(const plugin::GuestPolicies& policies);
  // An operator's, of this sandbox; not more often than they can be read.
  void warn(const std::string& type, const std::string& container, const std::string& message);
  // Nobody is heard any more, and what was remembered is forgotten.
  void gone();
  // Nobody is heard any more.
  void close();
  std::size_t connections() const { return links_.size(); }
  bool has_session() const { return session_ && session_->link != 0; }

 private:
  struct Link {
    std::shared_ptr<Stream> stream;
    bool spoke = false;
    std::set<std::uint64_t> claims = {};  // that wait for their word
    cri::Registration first;              // until it has
  };
  struct Told {
    std::chrono::steady_clock::time_point since;
    unsigned count = 0;
  };

  Result<> heard(std::uint64_t number, std::string_view message);
  Result<> first_word(std::uint64_t number, const v1::FromGuest& said);
  Result<> session_word(const v1::FromGuest& said);
  void ended(std::uint64_t number, const Error& why);
  void hello(std::uint64_t number, const v1::Hello& hello);
  std::string why_no_session(const v1::Hello& hello, const char*& type) const;
  void welcome(std::uint64_t number, const v1::Hello& hello);
  void claim(std::uint64_t number, const v1::Claim& claim, bool in_session);
  void answered(std::uint64_t number, const v1::Claim& claim, const plugin::GuestGrant* grant,
                const std::string& why, bool in_session);
  // Nothing is left to do, or why the container does not start.
  Result<> let_start(std::uint64_t number, const v1::Claim& claim, const plugin::GuestGrant& grant,
                     bool in_session);
  void refuse(std::uint64_t number, const v1::Claim& claim, const std::string& why,
              bool in_session);
  void drop_claims(std::uint64_t number, Link& link);
  std::string why_not_asked(const v1::Claim& claim, bool in_session);
  bool take_nonce(const std::string& nonce);
  void applied(const v1::Applied& said);
  Result<> send_policies();
  void tell_session();
  void drop(std::uint64_t number);
  void end_politely(std::uint64_t number);

  Desk& desk_;
  std::string name_;
  std::string id_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Link> links_;
  Remembered known_;
  std::optional<AgentSession> session_;  // where there is a token
  std::size_t claiming_ = 0;             // claims without a session that wait for their word
  bool runs_ = false;
  std::optional<plugin::GuestPolicies> policies_;
  std::deque<std::string> nonces_;
  std::map<std::string, Told> told_;
  Budget connects_;
  Budget claims_;
  Budget frames_;
  Budget bytes_;
};

}  // namespace usher::kata
