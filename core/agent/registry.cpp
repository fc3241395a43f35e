#include "agent/registry.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/escape.hpp"

namespace usher::agent {

namespace {

constexpr std::size_t kShortestPrefix = 4;

bool named(const identity::Identity& who, std::string_view word) {
  const auto pod = who.pod_namespace + "/" + who.pod_name;
  return !who.pod_name.empty() && (word == pod || word == pod + "/" + who.container_name);
}

}  // namespace

std::string display_name(const identity::Identity& who) {
  if (who.pod_name.empty()) {
    return who.container_id.empty() ? "(unknown)" : escape(who.container_id.substr(0, 12));
  }
  auto name = escape(who.pod_namespace) + "/" + escape(who.pod_name);
  if (!who.container_name.empty()) {
    name += "/" + escape(who.container_name);
  }
  return name;
}

Result<> Registry::add(Entry entry) {
  const auto slot = entry.workload.slot;
  const auto& id = entry.workload.identity.container_id;
  const auto cgroup = entry.workload.placement.cgroup_id;
  if (entries_.contains(slot)) {
    return fail(fmt::format("slot {} is taken by {}", slot,
                            display_name(entries_.at(slot).workload.identity)));
  }
  if (!entry.workload.ended) {
    if (auto* other = by_cgroup(cgroup)) {
      return fail(
          fmt::format("cgroup {} is that of {}", cgroup, display_name(other->workload.identity)));
    }
    if (auto* other = by_container(id); other != nullptr && !other->workload.ended) {
      return fail(fmt::format("container {} is enrolled in slot {} and has not ended", escape(id),
                              other->workload.slot));
    }
    cgroups_[cgroup] = slot;
  } else {
    ++ended_;
  }
  if (!id.empty() && (!entry.workload.ended || by_container(id) == nullptr)) {
    containers_[id] = slot;
  }
  entries_.emplace(slot, std::move(entry));
  return {};
}

void Registry::remove(std::uint32_t slot) {
  mark_ended(slot);
  const auto found = entries_.find(slot);
  if (found == entries_.end()) {
    return;
  }
  --ended_;
  const auto id = containers_.find(found->second.workload.identity.container_id);
  if (id != containers_.end() && id->second == slot) {
    containers_.erase(id);
  }
  entries_.erase(found);
}

void Registry::mark_ended(std::uint32_t slot) {
  auto* entry = by_slot(slot);
  if (entry == nullptr || entry->workload.ended) {
    return;
  }
  entry->workload.ended = true;
  ++ended_;
  cgroups_.erase(entry->workload.placement.cgroup_id);
}

void Registry::identify(std::uint32_t slot, identity::Identity who) {
  auto& entry = entries_.at(slot);
  const auto& id = entry.workload.identity.container_id;
  if (!id.empty()) {
    who.container_id = id;
  } else if (!who.container_id.empty()) {
    containers_[who.container_id] = slot;
  }
  entry.workload.identity = std::move(who);
}

Entry* Registry::by_slot(std::uint32_t slot) {
  const auto found = entries_.find(slot);
  return found == entries_.end() ? nullptr : &found->second;
}

const Entry* Registry::by_slot(std::uint32_t slot) const {
  const auto found = entries_.find(slot);
  return found == entries_.end() ? nullptr : &found->second;
}

Entry* Registry::by_container(std::string_view container_id) {
  const auto found = containers_.find(container_id);
  return found == containers_.end() ? nullptr : by_slot(found->second);
}

Entry* Registry::by_cgroup(std::uint64_t cgroup_id) {
  const auto found = cgroups_.find(cgroup_id);
  return found == cgroups_.end() ? nullptr : by_slot(found->second);
}

Result<std::uint32_t> Registry::find(std::string_view word) const {
  if (const auto exact = containers_.find(word); exact != containers_.end()) {
    return exact->second;
  }
  std::vector<std::uint32_t> hits;
  for (const auto& [slot, entry] : entries_) {
    const auto& who = entry.workload.identity;
    if (named(who, word) ||
        (word.size() >= kShortestPrefix && who.container_id.starts_with(word))) {
      hits.push_back(slot);
    }
  }
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (hits.empty() && problem == std::errc() && end == word.data() + word.size() &&
      entries_.contains(number)) {
    return number;
  }
  if (hits.empty()) {
    return fail(fmt::format("no workload is called \"{}\"; give a container id or the first {} or "
                            "more of its characters, NAMESPACE/POD[/CONTAINER], or a slot "
                            "(see usherctl workloads)",
                            escape(word), kShortestPrefix),
                ENOENT);
  }
  if (hits.size() > 1) {
    std::string names;
    for (const auto slot : hits) {
      names += fmt::format("{}{} (slot {})", names.empty() ? "" : ", ",
                           display_name(entries_.at(slot).workload.identity), slot);
    }
    return fail(fmt::format("\"{}\" fits more than one workload: {}", escape(word), names), EINVAL);
  }
  return hits.front();
}

std::vector<std::uint32_t> Registry::slots() const {
  std::vector<std::uint32_t> out;
  out.reserve(entries_.size());
  for (const auto& [slot, entry] : entries_) {
    out.push_back(slot);
  }
  return out;
}

}  // namespace usher::agent
