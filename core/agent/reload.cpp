#include "agent/reload.hpp"

#include <fmt/format.h>

#include <vector>

namespace usher::agent {

namespace {

struct Move {
  std::uint32_t slot;
  ProfileHandle profile;
};

Result<ProfileHandle> wanted(const Entry& entry, Resolution& policies, ProfileCache& profiles) {
  const auto& workload = entry.workload;
  const auto rules = policies.resolve(workload.identity, workload.runtime);
  if (!rules) {
    return std::unexpected(rules.error());
  }
  return profiles.acquire(*rules, workload.placement.merged);
}

void keep(Entry& entry, const std::string& why, Journal& journal) {
  if (entry.problem != why) {
    entry.problem = why;
    journal.tell(LogLevel::error, "reload",
                 "keeps its older profile: its policies of now cannot be carried out: " + why,
                 &entry.workload.identity);
  }
}

}  // namespace

Result<> reapply_to(Entry& entry, Resolution& policies, ProfileCache& profiles,
                    enforce::Enforcer& enforcer) {
  auto profile = wanted(entry, policies, profiles);
  if (!profile) {
    return std::unexpected(profile.error());
  }
  if (*profile != entry.profile) {
    if (auto switched = enforcer.switch_to(entry.workload.slot, (*profile)->index); !switched) {
      return switched;
    }
    entry.profile.swap(*profile);
  }
  entry.problem.clear();
  return {};
}

Reapplied reapply(Registry& registry, Resolution& policies, ProfileCache& profiles,
                  enforce::Enforcer& enforcer, Journal& journal) {
  Reapplied done;
  std::vector<Move> moves;
  for (const auto slot : registry.slots()) {
    auto& entry = *registry.by_slot(slot);
    if (!entry.attributed) {
      continue;
    }
    auto profile = wanted(entry, policies, profiles);
    if (!profile) {
      keep(entry, profile.error().message, journal);
      ++done.kept;
      continue;
    }
    entry.problem.clear();
    if (*profile != entry.profile) {
      moves.push_back({slot, std::move(*profile)});
    }
  }
  // Old handles live until the last switch is done: nothing that a workload uses is retired early.
  std::vector<ProfileHandle> old;
  old.reserve(moves.size());
  for (auto& move : moves) {
    auto& entry = *registry.by_slot(move.slot);
    if (auto switched = enforcer.switch_to(move.slot, move.profile->index); !switched) {
      keep(entry, switched.error().message, journal);
      ++done.kept;
      continue;
    }
    old.push_back(std::exchange(entry.profile, std::move(move.profile)));
    ++done.switched;
  }
  return done;
}

}  // namespace usher::agent
