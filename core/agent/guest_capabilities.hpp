// Which policies a guest's kernel can carry out, by what it says of itself. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "policy/compile.hpp"

namespace usher::agent {

// What a guest says of its kernel. Without an agent in it: nothing is enforced there.
struct GuestKernel {
  std::string backend = "none";  // lsm, tracepoint, none
  std::uint32_t enforces = 0;    // USHER_GUEST_ENFORCES_
  bool operator==(const GuestKernel&) const = default;
};

policy::Capabilities capabilities_of(const GuestKernel& kernel);

// Remembers what was compiled for whom: the containers of a pod ask the same question.
class GuestVerdicts {
 public:
  // The names of the policies that are degraded there; an error names those that cannot be carried
  // out.
  Result<std::vector<std::string>> judge(const policy::RuleSet& rules, const GuestKernel& kernel);
  void clear() { known_.clear(); }

 private:
  struct Known {
    policy::RuleSet rules;
    GuestKernel kernel;
    Result<std::vector<std::string>> verdict;
  };
  std::vector<Known> known_;  // bounded
};

}  // namespace usher::agent
