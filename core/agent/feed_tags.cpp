// When the feed has tasks tagged that run already, and which.
#include <fmt/format.h>

#include <asio/post.hpp>
#include <utility>

#include "agent/feed.hpp"

namespace usher::agent {

// A container that was let start takes its identity by its first exec, of which the kernel tells in
// a moment. A pass before it would take the runtime's process, which still sets up, for the
// container's. One that was restored from a checkpoint never execs.
void Feed::tag_unless_seen(const std::string& id, std::function<void(Result<>)> done) {
  unseen_.emplace_back(id, std::move(done));
  if (unseen_.size() != 1) {
    return;  // those that come meanwhile wait less
  }
  seen_timer_.expires_after(kSeenWithin);
  seen_timer_.async_wait([this](std::error_code stopped) {
    if (stopped) {
      return;
    }
    for (auto& [container, waiting] : std::exchange(unseen_, {})) {
      auto* entry = p_.registry.by_container(container);
      if (entry != nullptr && !entry->started) {
        p_.enrolment.begun(*entry);
        tag_soon(entry->workload.slot, std::move(waiting));
      } else if (waiting) {
        waiting({});
      }
    }
  });
}

void Feed::adopted(std::chrono::milliseconds patience) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> slots;  // and incarnation
  for (const auto slot : p_.registry.slots()) {
    const auto& entry = *p_.registry.by_slot(slot);
    if (!entry.started && !entry.workload.ended) {
      slots.emplace_back(slot, entry.workload.incarnation);
    }
  }
  if (slots.empty()) {
    return;
  }
  adopted_timer_.expires_after(patience);
  adopted_timer_.async_wait([this, slots = std::move(slots)](std::error_code stopped) {
    for (const auto& [slot, incarnation] : slots) {
      auto* entry = stopped ? nullptr : p_.registry.by_slot(slot);
      if (entry != nullptr && entry->workload.incarnation == incarnation && !entry->started &&
          !entry->workload.ended) {
        p_.enrolment.begun(*entry);
        tag_soon(slot, {});
      }
    }
  });
}

// One pass over all tasks serves every container that was reported in a row; few are looked at one
// by one, since the node may have many thousand tasks.
void Feed::tag_soon(std::uint32_t slot, std::function<void(Result<>)> done) {
  untagged_.emplace_back(slot, std::move(done));
  if (std::exchange(tagging_, true)) {
    return;
  }
  asio::post(p_.loop, [this] {
    tagging_ = false;
    const auto waiting = std::exchange(untagged_, {});
    const auto tagged = tag(waiting);
    Result<> result;
    if (tagged) {
      p_.journal.log().info(fmt::format("tagged {} tasks of {} containers that ran already",
                                        *tagged, waiting.size()));
    } else {
      result = fail_in("cannot tag the tasks that run already", tagged.error());
      p_.journal.log().error(result.error().message);
    }
    for (const auto& [of, answer] : waiting) {
      if (answer) {
        answer(result);
      }
    }
  });
}

Result<std::uint32_t> Feed::tag(const Untagged& waiting) {
  constexpr std::size_t kFew = 4;
  if (waiting.size() > kFew) {
    return p_.enforcer.tag_running();
  }
  std::uint32_t total = 0;
  for (const auto& [slot, done] : waiting) {
    const auto* entry = p_.registry.by_slot(slot);
    if (entry == nullptr) {
      continue;  // over by now
    }
    const auto tagged = p_.enforcer.tag_running_in(entry->workload.placement);
    if (!tagged) {
      return tagged;
    }
    total += *tagged;
  }
  return total;
}

}  // namespace usher::agent
