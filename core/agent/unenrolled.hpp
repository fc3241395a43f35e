// Pods that nobody enrolled: what the configuration answers to their programs, put into the kernel,
// where it holds without an agent. A stricter answer than the one that is there waits until every
// adapter has told what runs, so that running containers have been adopted by then.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal.hpp"
#include "agent/profile_cache.hpp"
#include "enforce/enforcer.hpp"

namespace usher::agent {

// "allow", "audit", "deny" for USHER_UNENROLLED_*, and back; an unknown word is allow.
std::string_view unenrolled_word(std::uint32_t answer);
std::uint32_t unenrolled_answer(std::string_view word);

// On the loop. Declare it before the cache of profiles (profile_cache.hpp).
class UnenrolledPods {
 public:
  struct Wanted {
    std::uint32_t answer = USHER_UNENROLLED_ALLOW;
    std::vector<std::string> pause_programs;
    std::vector<std::string> pod_cgroups;
    std::uint64_t agent_cgroup = 0;  // of its own pod; 0: it is in none
    std::string agent_program;
    std::string next_pod_problem;  // Locator::own_pod_problem
  };
  UnenrolledPods(asio::io_context& loop, enforce::Enforcer& enforcer, Journal& journal,
                 Wanted wanted);

  // An error where deny would keep the agent's own next pod, and then every other, from starting;
  // what is in force stays so. Else the rules and an answer that is no stricter than the one that
  // was there. `adapters`: whose
  // lists are waited for, at most for `patience`.
  Result<> start(ProfileCache& profiles, const std::vector<std::string>& adapters,
                 std::chrono::milliseconds patience = std::chrono::seconds(10));
  // An adapter has told all that runs; tasks of it that are still to be tagged are in the loop.
  void synced(const std::string& adapter);
  std::vector<std::string> warnings() const;

 private:
  Result<> put(std::uint32_t answer);
  void settle(std::string_view why);

  asio::io_context& loop_;
  enforce::Enforcer& enforcer_;
  Journal& journal_;
  Wanted wanted_;
  ProfileHandle held_;  // of exempt programs
  std::set<std::string> awaited_;
  bool waiting_ = false;
  asio::steady_timer timer_;
};

}  // namespace usher::agent
