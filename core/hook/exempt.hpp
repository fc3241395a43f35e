// Which containers start although the agent could not be asked. Pure.
#pragma once

#include <string>
#include <string_view>

#include "hook/options.hpp"
#include "hook/state.hpp"

namespace usher::hook {

// The container as its runtime's own annotations name it; empty where they do not, or where the
// runtime is none whose annotations are known. Only the keys that the named runtime itself writes
// count: all others can be chosen by a pod's author.
struct Subject {
  std::string id;
  std::string pod_namespace;
  std::string pod;
  std::string image;
  StringMap labels;  // the container's on CRI-O, its caller's on podman; nobody gives a pod's
};

Subject subject_of(std::string_view runtime, const State& state);

// True when the namespace matches and all that narrows the exemption holds. What is not known does
// not match.
bool is_exempt(const Exemptions& exempt, const Subject& subject, const StringMap& annotations);

}  // namespace usher::hook
