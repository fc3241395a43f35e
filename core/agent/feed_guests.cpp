// What the feed makes of containers that another kernel runs, and of their virtual machines.
#include <fmt/format.h>

#include <utility>

#include "agent/feed.hpp"

namespace usher::agent {

namespace {

using adapter::AdapterEvent;

constexpr std::size_t kMaxWaiting = 4096;

const std::string& sandbox_of(const identity::Identity& who) {
  return who.sandbox_id.empty() ? who.container_id : who.sandbox_id;
}

}  // namespace

void Feed::of_guest(AdapterEvent event) {
  const auto taken = p_.guests.take(event);
  if (taken) {
    refused_.erase(event.identity.container_id);
  } else if (event.kind == AdapterEvent::Kind::container_running) {
    remember(event, taken.error());
  } else if (const auto held = sandbox_lines_.pass()) {
    p_.journal.tell(LogLevel::error, "guest",
                    fmt::format("a guest's container is not taken as adapter {} tells it, so that "
                                "no claim of it will be granted: {} ({} more were not told)",
                                event.adapter, taken.error().message, *held),
                    &event.identity);
  }
  answer(event, taken);
}

void Feed::end_of_guest(const AdapterEvent& event) {
  waiting_.erase(sandbox_of(event.identity));
  if (!event.identity.host_root) {
    (void)p_.guests.take(event);  // an end that is not known is none
  }
}

// Its runtime may tell of the sandbox a little later; by then the pid can be another process's.
void Feed::wait_for_sandbox(const AdapterEvent& event) {
  auto alive = p_.locator.hold(event.pid);
  if (alive && waiting_.size() < kMaxWaiting) {
    auto kept = event;
    kept.done = {};
    waiting_.insert_or_assign(sandbox_of(event.identity),
                              Waiting{std::move(kept), std::move(*alive)});
  }
}

void Feed::sandbox_is_known(const AdapterEvent& event) {
  (void)p_.guests.take(event);
  auto waited = waiting_.extract(sandbox_of(event.identity));
  if (!waited.empty() && waited.mapped().alive()) {
    container_running(std::move(waited.mapped().event));
  }
}

}  // namespace usher::agent
