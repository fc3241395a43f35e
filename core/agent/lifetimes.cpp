#include "agent/lifetimes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace usher::agent {

namespace {

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{10'000};

}  // namespace

Lifetimes::Lifetimes(asio::io_context& loop, Registry& registry, const Records& records,
                     enforce::Enforcer& enforcer, Journal& journal, const Locator& locator)
    : registry_(registry),
      records_(records),
      enforcer_(enforcer),
      journal_(journal),
      locator_(locator),
      timer_(loop),
      pause_(kFirstPause) {}

void Lifetimes::cgroup_gone(std::uint64_t cgroup_id) {
  if (const auto* entry = registry_.by_cgroup(cgroup_id)) {
    end(entry->workload.slot);
  }
}

void Lifetimes::check(std::uint32_t slot) {
  const auto* entry = registry_.by_slot(slot);
  if (entry != nullptr && !entry->workload.ended && !locator_.exists(entry->workload.placement)) {
    end(slot);
  }
}

void Lifetimes::sweep() {
  for (const auto slot : registry_.slots()) {
    check(slot);
  }
  if (registry_.any_ended()) {
    again_later();
  }
}

void Lifetimes::end(std::uint32_t slot) {
  if (auto ended = enforcer_.end(slot); !ended) {
    journal_.log().error(fmt::format("cannot end slot {}: {}", slot, ended.error().message));
  }
  registry_.mark_ended(slot);
  pause_ = kFirstPause;
  again_later();
}

void Lifetimes::again_later() {
  if (waiting_) {
    return;
  }
  waiting_ = true;
  timer_.expires_after(pause_);
  timer_.async_wait([this](std::error_code stopped) {
    if (!stopped) {
      waiting_ = false;
      pause_ = std::min(pause_ * 2, kLongestPause);
      reap();
    }
  });
}

void Lifetimes::reap() {
  if (!registry_.any_ended()) {
    return;
  }
  const auto holders = enforcer_.holders();
  if (!holders) {
    journal_.log().error(holders.error().message);
    again_later();
    return;
  }
  std::unordered_set<std::uint32_t> held;
  for (const auto& holder : *holders) {
    held.insert(holder.workload);
  }
  for (const auto slot : registry_.slots()) {
    if (registry_.by_slot(slot)->workload.ended && !held.contains(slot)) {
      forget(slot);
    }
  }
  if (registry_.any_ended()) {
    again_later();
  }
}

void Lifetimes::forget(std::uint32_t slot) {
  auto* entry = registry_.by_slot(slot);
  if (auto forgotten = enforcer_.forget(slot); !forgotten) {
    auto& told = unforgotten_[slot];
    if (told != forgotten.error().message) {
      told = forgotten.error().message;
      journal_.log().error(
          fmt::format("cannot forget slot {}: {}; it is tried again until it can be", slot, told));
    }
    return;
  }
  unforgotten_.erase(slot);
  if (auto removed = records_.remove(entry->workload.placement.cgroup_id); !removed) {
    journal_.log().warning(removed.error().message);
  }
  const auto who = entry->workload.identity;
  registry_.remove(slot);
  journal_.tell(LogLevel::info, "ended", fmt::format("ended; slot {} is free", slot), &who);
}

}  // namespace usher::agent
