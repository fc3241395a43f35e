// What the feed makes of pods' sandboxes: records for the join, and the containers that they are.
#include <fmt/format.h>

#include <asio/post.hpp>
#include <utility>

#include "agent/feed.hpp"
#include "base/escape.hpp"

namespace usher::agent {

namespace {

using adapter::AdapterEvent;
using Kind = AdapterEvent::Kind;

constexpr std::size_t kMaxPauses = 8192;

const std::string& sandbox_of(const identity::Identity& who) {
  return who.sandbox_id.empty() ? who.container_id : who.sandbox_id;
}

bool is_gone(const Result<identity::Placement>& process) {
  return !process && process.error().code == ESRCH;
}

}  // namespace

void Feed::sandbox_starting(AdapterEvent event) {
  const auto kept = p_.sandboxes.keep(event.adapter, event.runtime, event.identity);
  if (const auto held = kept ? std::nullopt : sandbox_lines_.pass()) {
    p_.journal.tell(LogLevel::error, "sandbox",
                    "its record is not taken: " + kept.error().message +
                        (*held == 0 ? "" : fmt::format(" ({} more were not told since)", *held)),
                    &event.identity);
  }
  // What a list names has been running for long, mostly.
  if (kept && !event.identity.guest && !listing_.contains({event.adapter, event.runtime})) {
    p_.prepared.expect(event.runtime, sandbox_of(event.identity));
  }
  answer(event, kept);
  if (kept) {
    sandbox_is_known(event);
  }
}

// Its program may run already, and is tagged then, or be about to, and takes its identity by exec.
void Feed::sandbox_container(AdapterEvent event) {
  const auto id = event.identity.container_id;
  const auto refuse = [&](const Error& why) {
    if (event.kind == Kind::container_running) {
      remember(event, why);
      return answer(event, std::unexpected(why));
    }
    auto text = fmt::format("sandbox {} refused as adapter {} announced it: {}", escape(id),
                            event.adapter, why.message);
    p_.journal.tell(LogLevel::error, "refused", text, &event.identity);
    answer(event, fail(std::move(text), why.code));
  };
  if (p_.registry.by_container(id) == nullptr) {
    const auto selected = p_.enrolment.selected(event.identity, event.runtime);
    if (!selected) {
      return refuse(selected.error());
    }
    if (!*selected) {
      refused_.erase(id);
      if (pauses_.size() < kMaxPauses || pauses_.contains(id)) {
        pauses_.insert_or_assign(id,
                                 Place{event.adapter, event.runtime, event.cgroup_path, event.pid});
      }
      return answer(event, {});
    }
  }
  pauses_.erase(id);
  const auto admitted = p_.enrolment.admit({.who = event.identity,
                                            .runtime = event.runtime,
                                            .pid = event.pid,
                                            .cgroup_path = event.cgroup_path,
                                            .running = true,
                                            .awaited = event.kind == Kind::container_starting});
  if (!admitted) {
    return refuse(admitted.error());
  }
  refused_.erase(id);
  auto* entry = p_.registry.by_container(id);
  if (entry == nullptr || entry->started) {
    return answer(event, {});
  }
  if (event.kind == Kind::container_starting) {
    answer(event, {});
    return tag_unless_seen(id, {});
  }
  p_.enrolment.begun(*entry);
  tag_soon(entry->workload.slot, std::move(event.done));
}

void Feed::sandbox_gone(const AdapterEvent& event) {
  const auto& id = sandbox_of(event.identity);
  p_.sandboxes.drop(event.adapter, event.runtime, id);
  p_.prepared.drop(event.runtime, id);
  pauses_.erase(id);
  refused_.erase(id);
  if (const auto* entry = p_.registry.by_container(id)) {
    p_.gone(entry->workload.slot);
  }
}

void Feed::policies_changed() {
  const bool looking = looked_at_.has_value();
  looked_at_ = "";
  if (!looking) {
    asio::post(p_.loop, [this] { look_again(); });
  }
}

void Feed::look_again() {
  const auto next = looked_at_ ? pauses_.upper_bound(*looked_at_) : pauses_.end();
  if (next == pauses_.end()) {
    looked_at_.reset();
    return;
  }
  looked_at_ = next->first;
  look_again_at(std::string(next->first));
  asio::post(p_.loop, [this] { look_again(); });
}

void Feed::look_again_at(const std::string& sandbox_id) {
  const auto* record = p_.sandboxes.find(pauses_.at(sandbox_id).runtime, sandbox_id);
  if (record == nullptr) {
    pauses_.erase(sandbox_id);
    return;
  }
  auto who = *record;
  who.container_id = sandbox_id;
  // Runtimes keep the record of a pod that has ended until it is removed. It is looked for only
  // where a policy asks: there are a thousand pods.
  const auto& known = pauses_.at(sandbox_id);
  const auto selected = p_.enrolment.selected(who, known.runtime);
  if (selected && !*selected) {
    return;
  }
  auto place = std::move(pauses_.extract(sandbox_id).mapped());
  if (selected && place.pid > 0 && is_gone(p_.locator.place_running(place.pid))) {
    return;
  }
  sandbox_container({.kind = Kind::container_running,
                     .adapter = std::move(place.adapter),
                     .runtime = std::move(place.runtime),
                     .identity = std::move(who),
                     .cgroup_path = std::move(place.cgroup_path),
                     .pid = place.pid,
                     .done = {}});
}

}  // namespace usher::agent
