// Profiles in the kernel, shared by workloads with equal rule sets and equal /usr merges.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/rule_table.hpp"
#include "base/error.hpp"
#include "enforce/enforcer.hpp"
#include "policy/policy.hpp"

namespace usher::agent {

struct LoadedProfile {
  std::uint32_t index = 0;  // in the kernel's table; 0 = no rules
  policy::RuleSet rules;
  std::uint32_t merged = 0;
  std::vector<std::string> degraded;  // policies that this backend carries out in audit only
  bool adopted = false;               // loaded by an earlier agent: `rules` is not known
};

// Keeps its profile in the kernel. When the last handle goes the profile is retired, unless the
// cache went first: an agent that stops leaves all that is enforced in place.
using ProfileHandle = std::shared_ptr<const LoadedProfile>;

class ProfileCache {
 public:
  ProfileCache(enforce::Enforcer& enforcer, RuleTable& rules);
  ~ProfileCache();
  ProfileCache(const ProfileCache&) = delete;
  ProfileCache& operator=(const ProfileCache&) = delete;

  // The profile of these rules, compiled and published if it is not loaded yet. An empty rule set
  // is profile 0. Errors are the compiler's and the enforcer's; nothing is left behind then.
  Result<ProfileHandle> acquire(const policy::RuleSet& rules, std::uint32_t merged);
  // Asked where a profile found no room; true: try again, something was let go.
  void when_full(std::function<bool()> make_room) { make_room_ = std::move(make_room); }
  // A handle for a profile that an earlier agent left. One per index: share it.
  ProfileHandle adopt(std::uint32_t index);
  std::size_t size() const;

 private:
  struct State;
  using Key = std::pair<std::vector<const policy::Policy*>, std::uint32_t>;
  ProfileHandle handle(LoadedProfile profile, Key key);

  enforce::Enforcer& enforcer_;
  RuleTable& rules_;
  std::shared_ptr<State> state_;
  ProfileHandle none_;
  std::function<bool()> make_room_;
};

}  // namespace usher::agent
