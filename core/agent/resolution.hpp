// The policies in force, and which of them apply to whom: remembered per identity, because the
// replicas of a pod ask the same question.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "policy/resolve.hpp"

namespace usher::agent {

class Resolution {
 public:
  void use(policy::PolicySet set);
  const policy::PolicySet& set() const { return set_; }
  Result<policy::RuleSet> resolve(const identity::Identity& who, std::string_view runtime);

 private:
  policy::PolicySet set_;
  std::unordered_map<std::string, policy::RuleSet> known_;
};

}  // namespace usher::agent
