#include "agent/feed.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/escape.hpp"

namespace usher::agent {

namespace {

using adapter::AdapterEvent;
using Kind = AdapterEvent::Kind;

constexpr std::size_t kMaxRefused = 1024;
constexpr std::size_t kToldRefused = 5;

constexpr std::size_t kToldFound = 5;

ReportedContainer reported(AdapterEvent& event) {
  return {.who = event.identity,
          .runtime = event.runtime,
          .pid = event.pid,
          .cgroup_path = event.cgroup_path,
          .running = event.kind == Kind::container_running};
}

}  // namespace

void Feed::answer(const AdapterEvent& event, const Result<>& result) {
  if (event.done) {
    event.done(result);
  }
}

void Feed::take(AdapterEvent event) {
  const bool is_container =
      event.kind == Kind::container_starting || event.kind == Kind::container_running;
  if (is_container && event.identity.guest) {
    return of_guest(std::move(event));
  }
  const bool is_pause = event.identity.is_sandbox && !event.identity.host_root;
  switch (event.kind) {
    case Kind::sandbox_starting:
      return sandbox_starting(std::move(event));
    case Kind::container_starting:
      return is_pause ? sandbox_container(std::move(event)) : container_starting(std::move(event));
    case Kind::container_running:
      return is_pause ? sandbox_container(std::move(event)) : container_running(std::move(event));
    case Kind::sandbox_gone:
      sandbox_gone(event);
      [[fallthrough]];
    case Kind::container_gone:
      end_of_guest(event);
      gone(event);
      break;
    case Kind::synced:
      synced(event);
      break;
    case Kind::listing:
      listing(event);
      break;
  }
  answer(event, {});
}

void Feed::container_starting(AdapterEvent event) {
  const auto admitted = p_.enrolment.admit(reported(event));
  if (admitted) {
    refused_.erase(event.identity.container_id);
    answer(event, {});
    return;
  }
  auto why =
      fmt::format("container {} refused as adapter {} announced it: {}",
                  escape(event.identity.container_id), event.adapter, admitted.error().message);
  p_.journal.tell(LogLevel::error, "refused", why, &event.identity);
  answer(event, fail(std::move(why), admitted.error().code));
}

void Feed::container_running(AdapterEvent event) {
  const auto& id = event.identity.container_id;
  if (!id.empty() && id == p_.locator.own_container) {
    answer(event, {});  // the agent's own is never enrolled
    return;
  }
  const auto admitted = p_.enrolment.admit(reported(event));
  const auto* known = p_.registry.by_container(id);
  if (!admitted && known != nullptr &&
      (known->workload.ended || !p_.locator.exists(known->workload.placement))) {
    return answer(event, {});  // it was let start, and is over already
  }
  if (!admitted && event.identity.host_root && admitted.error().code == EAGAIN) {
    wait_for_sandbox(event);
    answer(event, std::unexpected(admitted.error()));
    return;
  }
  if (!admitted) {
    remember(event, admitted.error());
    answer(event, std::unexpected(admitted.error()));
    return;
  }
  refused_.erase(id);
  auto* entry = p_.registry.by_container(id);
  if (*admitted == Enrolment::Admitted::confirmed) {
    return entry->started ? answer(event, {}) : tag_unless_seen(id, std::move(event.done));
  }
  p_.enrolment.begun(*entry);
  if (!event.identity.host_root) {
    count_found_running(event);
  }
  tag_soon(entry->workload.slot, std::move(event.done));
}

void Feed::count_found_running(const AdapterEvent& event) {
  ++found_running_;
  if (last_found_.size() == kToldFound) {
    last_found_.erase(last_found_.begin());
  }
  last_found_.push_back(display_name(event.identity));
  p_.journal.tell(LogLevel::warning, "found-running",
                  "no gate let it start: it began before the agent, or while the agent was away or "
                  "was not asked; it is enrolled now",
                  &event.identity);
}

void Feed::gone(const AdapterEvent& event) {
  refused_.erase(event.identity.container_id);
  if (const auto* entry = p_.registry.by_container(event.identity.container_id)) {
    p_.gone(entry->workload.slot);
  }
}

void Feed::listing(const AdapterEvent& event) {
  p_.sandboxes.begin_list(event.adapter, event.runtime);
  p_.guests.begin_list(event.adapter, event.runtime);
  listing_.emplace(event.adapter, event.runtime);
  begin_list(event);
}

void Feed::begin_list(const AdapterEvent& event) {
  for (auto& [id, refused] : refused_) {
    refused.seen =
        refused.seen && (refused.adapter != event.adapter || refused.runtime != event.runtime);
  }
}

void Feed::synced(const AdapterEvent& event) {
  const auto swept = p_.sandboxes.sweep(event.adapter, event.runtime);
  p_.guests.sweep(event.adapter, event.runtime);
  listing_.erase({event.adapter, event.runtime});
  std::erase_if(refused_, [&](const auto& item) {
    const auto& refused = item.second;
    return refused.adapter == event.adapter && refused.runtime == event.runtime && !refused.seen;
  });
  begin_list(event);
  std::erase_if(pauses_, [&](const auto& item) {
    return item.second.runtime == event.runtime &&
           p_.sandboxes.find(event.runtime, item.first) == nullptr;
  });
  p_.enrolment.learn_from_records(event.runtime);
  p_.journal.log().info(fmt::format("the runtime's list is complete: {} sandboxes, {} forgotten",
                                    p_.sandboxes.size_of(event.adapter), swept),
                        {{"adapter", event.adapter}, {"runtime", event.runtime}});
}

void Feed::remember(const AdapterEvent& event, const Error& why) {
  const auto& id = event.identity.container_id;
  const auto known = refused_.find(id);
  if (known != refused_.end()) {
    known->second.seen = true;
    if (std::exchange(known->second.why, why.message) == why.message) {
      return;  // told when it was first seen
    }
  } else if (refused_.size() < kMaxRefused) {
    refused_.emplace(
        id, Refused{event.adapter, event.runtime, display_name(event.identity), why.message});
    tell_not_adopted(event, why, 0);
    return;
  }
  // Without a memory of what was told, or with a reason that changes, this could go on for ever.
  if (const auto held = refusal_lines_.pass()) {
    tell_not_adopted(event, why, *held);
  }
}

void Feed::tell_not_adopted(const AdapterEvent& event, const Error& why, std::uint64_t held) {
  auto text = fmt::format("adapter {} says that it runs, but it is not enrolled as that: {}",
                          event.adapter, why.message);
  if (held != 0) {
    text += fmt::format(" ({} more like this were not told since)", held);
  }
  p_.journal.tell(LogLevel::error, "not-adopted", text, &event.identity);
}

std::vector<std::string> Feed::warnings() const {
  std::vector<std::string> out;
  if (found_running_ != 0) {
    std::string names;
    for (const auto& name : last_found_) {
      names += (names.empty() ? "" : ", ") + name;
    }
    out.push_back(fmt::format(
        "{} containers were found running that no gate had let start, since this agent began; the "
        "last: {}; what they did before is not known: see usherctl events",
        found_running_, names));
  }
  const auto told = out.size();
  for (const auto& [id, refused] : refused_) {
    if (out.size() == told + kToldRefused) {
      out.push_back(fmt::format(
          "{}{} running containers more are not enrolled as their runtime "
          "names them; see usherctl events",
          refused_.size() == kMaxRefused ? "at least " : "", refused_.size() - kToldRefused));
      break;
    }
    out.push_back(fmt::format("{} ({}) runs but is not enrolled as adapter {} names it: {}",
                              refused.name, escape(id.substr(0, 12)), refused.adapter,
                              refused.why));
  }
  return out;
}

}  // namespace usher::agent
