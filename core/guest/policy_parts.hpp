// Puts the host's policies together from the frames that they come in. Bounded: what is too much is
// swallowed to its end and told, so that the stream can go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "usher/guest/v1/relay.pb.h"

namespace usher::guest {

// All policies of the sandbox.
struct PolicySet {
  std::uint64_t generation = 0;  // 0: the host has none to send yet; what is in force stays
  std::map<std::string, std::string> texts;  // by name
  std::string problem;                       // not empty: too much was sent, `texts` is empty
};

class PolicyParts {
 public:
  static constexpr std::size_t kBytes = 16U << 20;  // of all names and texts
  static constexpr std::size_t kPolicies = 4096;

  // The set, once its last frame is there. An error ends the session: the frames make no sense.
  Result<std::optional<PolicySet>> add(const v1::Policies& frame);

 private:
  Result<> add(const v1::PolicyText& part);

  PolicySet set_;
  std::size_t bytes_ = 0;
  bool begun_ = false;
  std::string unfinished_;  // the name of the policy whose text goes on
};

}  // namespace usher::guest
