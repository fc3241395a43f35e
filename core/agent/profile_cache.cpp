#include "agent/profile_cache.hpp"

namespace usher::agent {

struct ProfileCache::State {
  enforce::Enforcer* enforcer;
  std::map<Key, std::weak_ptr<const LoadedProfile>> loaded;
};

ProfileCache::ProfileCache(enforce::Enforcer& enforcer, RuleTable& rules)
    : enforcer_(enforcer),
      rules_(rules),
      state_(std::make_shared<State>(State{&enforcer, {}})),
      none_(std::make_shared<const LoadedProfile>()) {}

ProfileCache::~ProfileCache() = default;

std::size_t ProfileCache::size() const {
  return state_->loaded.size();
}

ProfileHandle ProfileCache::handle(LoadedProfile profile, Key key) {
  const auto index = profile.index;
  return {new LoadedProfile(std::move(profile)),
          [weak = std::weak_ptr<State>(state_), key = std::move(key),
           index](const LoadedProfile* gone) {
            if (const auto state = weak.lock()) {
              state->loaded.erase(key);
              state->enforcer->retire(index);
            }
            delete gone;
          }};
}

Result<ProfileHandle> ProfileCache::acquire(const policy::RuleSet& rules, std::uint32_t merged) {
  if (rules.policies.empty()) {
    return none_;
  }
  Key key{{}, merged};
  key.first.reserve(rules.policies.size());
  for (const auto& policy : rules.policies) {
    key.first.push_back(policy.get());
  }
  if (const auto found = state_->loaded.find(key); found != state_->loaded.end()) {
    if (auto alive = found->second.lock()) {
      return alive;
    }
  }
  auto image =
      policy::compile(rules, {enforcer_.key(), merged, enforcer_.capabilities()}, rules_.ids());
  if (!image) {
    return std::unexpected(image.error());
  }
  // An event may carry a new rule's number as soon as the profile is in use.
  if (auto saved = rules_.save(); !saved) {
    return std::unexpected(saved.error());
  }
  auto index = enforcer_.publish(*image);
  if (!index && make_room_ && make_room_()) {
    index = enforcer_.publish(*image);
  }
  if (!index) {
    return std::unexpected(index.error());
  }
  auto loaded = handle({*index, rules, merged, std::move(image->degraded), false}, key);
  state_->loaded[std::move(key)] = loaded;
  return loaded;
}

ProfileHandle ProfileCache::adopt(std::uint32_t index) {
  if (index == 0) {
    return none_;
  }
  return handle({index, {}, 0, {}, true}, {{}, index});
}

}  // namespace usher::agent
