#include "agent/resolution.hpp"

namespace usher::agent {

namespace {

constexpr std::size_t kRemembered = 16384;

void append(std::string& key, std::string_view part) {
  key += std::to_string(part.size());
  key += ':';
  key += part;
}

// Everything that a selector can look at, lengths first so that no two identities meet.
std::string question(const identity::Identity& who, std::string_view runtime) {
  std::string key;
  append(key, runtime);
  append(key, who.pod_namespace);
  append(key, who.container_name);
  append(key, who.image);
  append(key, who.runtime_handler);
  key += who.labels_known ? 'k' : 'u';
  key += who.handler_unknown ? 'u' : 'k';
  key += who.is_sandbox ? 's' : 'c';
  for (const auto& [name, value] : who.pod_labels) {
    append(key, name);
    append(key, value);
  }
  return key;
}

}  // namespace

void Resolution::use(policy::PolicySet set) {
  set_ = std::move(set);
  known_.clear();
}

Result<policy::RuleSet> Resolution::resolve(const identity::Identity& who,
                                            std::string_view runtime) {
  auto key = question(who, runtime);
  if (const auto found = known_.find(key); found != known_.end()) {
    return found->second;
  }
  auto rules = policy::resolve(set_, who, runtime);
  if (rules) {
    if (known_.size() >= kRemembered) {
      known_.clear();
    }
    known_.emplace(std::move(key), *rules);
  }
  return rules;
}

}  // namespace usher::agent
