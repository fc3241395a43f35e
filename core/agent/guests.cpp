#include "agent/guests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "agent/agreement.hpp"
#include "agent/shown.hpp"

namespace usher::agent {

namespace {

using adapter::AdapterEvent;
using Kind = AdapterEvent::Kind;
using State = GuestContainer::State;

constexpr std::uint32_t kEventsOfOne = 120;  // a minute

std::size_t bytes_of(const identity::Identity& who) {
  std::size_t bytes = 0;
  for (const auto* text : {&who.pod_namespace, &who.pod_name, &who.pod_uid, &who.container_name,
                           &who.container_id, &who.sandbox_id, &who.image, &who.runtime_handler,
                           &who.identity_source, &who.labels_source}) {
    bytes += text->size();
  }
  for (const auto& [key, value] : who.pod_labels) {
    bytes += key.size() + value.size();
  }
  return bytes;
}

const std::string& sandbox_of(const identity::Identity& who) {
  return who.sandbox_id.empty() ? who.container_id : who.sandbox_id;
}

}  // namespace

Guests::Guests(Parts parts)
    : p_(std::move(parts)),
      next_generation_(p_.first_generation),
      lines_(p_.now, {}),
      events_(p_.now, {.of_kind = kEventsOfOne}) {}

Result<GuestSandbox*> Guests::sandbox(const std::string& id) {
  if (const auto found = sandboxes_.find(id); found != sandboxes_.end()) {
    return &found->second;
  }
  if (sandboxes_.size() >= p_.limits.sandboxes) {
    // Those that nobody but a relay has ever named make room.
    const auto idle = std::ranges::find_if(sandboxes_, [](const auto& item) {
      return !item.second.connected &&
             std::ranges::all_of(item.second.containers,
                                 [](const auto& held) { return held.second.adapter.empty(); });
    });
    if (idle == sandboxes_.end()) {
      return fail(
          fmt::format("{} sandboxes with guests are known already, which is all there is "
                      "room for",
                      sandboxes_.size()));
    }
    drop_sandbox(std::string(idle->first));
  }
  return &sandboxes_[id];
}

GuestContainer* Guests::at(const std::string& sandbox_id, const std::string& container_id) {
  const auto sandbox = sandboxes_.find(sandbox_id);
  if (sandbox == sandboxes_.end()) {
    return nullptr;
  }
  const auto container = sandbox->second.containers.find(container_id);
  return container == sandbox->second.containers.end() ? nullptr : &container->second;
}

Result<> Guests::take(const AdapterEvent& event) {
  const auto& who = event.identity;
  switch (event.kind) {
    case Kind::container_gone:
      if (const auto place = places_.find(who.container_id); place != places_.end()) {
        const auto* container = at(place->second, who.container_id);
        if (container->adapter == event.adapter || container->adapter.empty()) {
          drop(std::string(place->second), who.container_id);
        }
      }
      return {};
    case Kind::sandbox_gone:
      if (sandboxes_.contains(sandbox_of(who)) || who.guest) {
        drop_sandbox(sandbox_of(who));
        lines_.forget(sandbox_of(who));
        events_.forget(sandbox_of(who));
        tell(Kind::sandbox_gone, who);
      }
      return {};
    case Kind::sandbox_starting:
      learn_of(sandbox_of(who));
      if (who.guest) {
        tell(Kind::sandbox_starting, who);
      }
      return {};
    case Kind::container_starting:
    case Kind::container_running:
      break;
    default:
      return {};
  }
  auto container = known(event);
  if (!container) {
    return std::unexpected(std::move(container.error()));
  }
  if (event.kind == Kind::container_running) {
    running(sandbox_of(who), **container);
  }
  tell(event.kind, whole(**container));
  return {};
}

Result<GuestContainer*> Guests::known(const AdapterEvent& event) {
  auto who = event.identity;
  const auto id = who.container_id;
  if (who.sandbox_id.empty()) {
    if (!who.is_sandbox) {
      return fail(
          fmt::format("container {} of a guest is told without its sandbox's id", shown(id)));
    }
    who.sandbox_id = id;
  }
  who.is_sandbox = who.is_sandbox || id == who.sandbox_id;
  if (const auto place = places_.find(id); place != places_.end()) {
    if (place->second != who.sandbox_id) {
      return fail(fmt::format("container {} was told as one of sandbox {}, now as one of {}",
                              shown(id), shown(place->second), shown(who.sandbox_id)));
    }
    auto& container = *at(who.sandbox_id, id);
    if (container.adapter.empty()) {  // until now a relay's claim
      container.adapter = event.adapter;
      container.runtime = event.runtime;
      container.identity = who;
      ++counts_[event.adapter];
    }
    if (auto same = same_identity(container.identity, who); !same) {
      return std::unexpected(std::move(same.error()));
    }
    container.seen = true;
    learn(container.identity, who);
    return &container;
  }
  auto& count = counts_[event.adapter];
  if (count >= p_.limits.containers || bytes_of(who) > p_.limits.identity_bytes) {
    return fail(
        fmt::format("container {} of a guest is not taken: adapter {} told of {} already, "
                    "and its names and labels have {} bytes; at most {} and {} are kept",
                    shown(id), event.adapter, count, bytes_of(who), p_.limits.containers,
                    p_.limits.identity_bytes));
  }
  auto place = sandbox(who.sandbox_id);
  if (!place) {
    return std::unexpected(std::move(place.error()));
  }
  if ((*place)->containers.size() >= p_.limits.in_sandbox) {
    return fail(fmt::format("sandbox {} has {} containers already, which is all there is room for",
                            shown(who.sandbox_id), (*place)->containers.size()));
  }
  ++count;
  places_.emplace(id, who.sandbox_id);
  GuestContainer fresh;
  fresh.identity = std::move(who);
  fresh.adapter = event.adapter;
  fresh.runtime = event.runtime;
  return &(*place)->containers.emplace(id, std::move(fresh)).first->second;
}

void Guests::running(const std::string& sandbox_id, GuestContainer& container) {
  if (container.state == State::running) {
    return;
  }
  const bool found = container.state == State::created;
  container.state = State::running;
  if (found) {  // it began before this agent, or without a claim: its guest's agent may have it
    Reapplied done;
    reapply_all(sandbox_id, sandboxes_.find(sandbox_id)->second, done);
  }
}

void Guests::learn_of(const std::string& sandbox_id) {
  const auto found = sandboxes_.find(sandbox_id);
  if (found == sandboxes_.end()) {
    return;
  }
  auto* own = at(sandbox_id, sandbox_id);
  const auto told = p_.sandboxes.told(sandbox_id);
  if (own != nullptr && own->adapter.empty() && told) {
    own->runtime = told->runtime;
    own->identity = whole(sandbox_id);
  }
  Reapplied done;
  reapply_all(sandbox_id, found->second, done);
}

void Guests::drop(const std::string& sandbox_id, const std::string& container_id) {
  auto& sandbox = sandboxes_.find(sandbox_id)->second;
  const auto gone = sandbox.containers.extract(container_id);
  places_.erase(container_id);
  const auto& container = gone.mapped();
  if (!container.adapter.empty()) {
    --counts_[container.adapter];
  }
  if (container.claimed) {
    const auto who = whole(container);
    p_.journal.tell(LogLevel::info, "ended", "gone, as its runtime says", &who);
  }
  tell(Kind::container_gone, container.identity);
  refresh(sandbox_id, sandbox);
  drop_if_empty(sandbox_id);
}

void Guests::drop_sandbox(const std::string& id) {
  const auto gone = sandboxes_.extract(id);
  changed_.erase(id);
  if (gone.empty()) {
    return;
  }
  for (const auto& [container_id, container] : gone.mapped().containers) {
    places_.erase(container_id);
    if (!container.adapter.empty()) {
      --counts_[container.adapter];
    }
  }
}

void Guests::drop_if_empty(const std::string& sandbox_id) {
  const auto found = sandboxes_.find(sandbox_id);
  if (found != sandboxes_.end() && found->second.containers.empty() && !found->second.connected) {
    drop_sandbox(sandbox_id);
  }
}

void Guests::begin_list(const std::string& adapter, const std::string& runtime) {
  listing_.emplace(adapter, runtime);
  unsee(adapter, runtime);
}

bool Guests::is_being_listed(const GuestSandbox& sandbox) const {
  return !listing_.empty() && std::ranges::any_of(sandbox.containers, [&](const auto& item) {
    return listing_.contains({item.second.adapter, item.second.runtime});
  });
}

void Guests::unsee(const std::string& adapter, const std::string& runtime) {
  for (auto& [id, sandbox] : sandboxes_) {
    for (auto& [container_id, container] : sandbox.containers) {
      container.seen =
          container.seen && (container.adapter != adapter || container.runtime != runtime);
    }
  }
}

std::size_t Guests::sweep(const std::string& adapter, const std::string& runtime) {
  std::vector<std::pair<std::string, std::string>> unseen;
  for (const auto& [id, sandbox] : sandboxes_) {
    for (const auto& [container_id, container] : sandbox.containers) {
      if (container.adapter == adapter && container.runtime == runtime && !container.seen) {
        unseen.emplace_back(id, container_id);
      }
    }
  }
  for (const auto& [id, container_id] : unseen) {
    drop(id, container_id);
  }
  unsee(adapter, runtime);
  listing_.erase({adapter, runtime});
  reapply();
  return unseen.size();
}

// Posted, as a relay may claim from within.
void Guests::tell(Kind kind, const identity::Identity& identity) {
  asio::post(p_.loop, [this, kind, identity] { p_.adapters.tell_container(kind, identity); });
}

void Guests::tell_policies(const std::string& sandbox_id) {
  if (!changed_.insert(sandbox_id).second) {
    return;
  }
  asio::post(p_.loop, [this, sandbox_id] {
    const auto sandbox = sandboxes_.find(sandbox_id);
    if (changed_.erase(sandbox_id) != 0 && sandbox != sandboxes_.end() &&
        sandbox->second.policies != nullptr) {
      const auto policies = sandbox->second.policies;  // outlives what the relay may do
      p_.adapters.tell_policies(sandbox_id, *policies);
    }
  });
}

}  // namespace usher::agent
