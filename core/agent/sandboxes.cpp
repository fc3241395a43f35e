#include "agent/sandboxes.hpp"

#include <fmt/format.h>

#include "agent/agreement.hpp"
#include "base/escape.hpp"

namespace usher::agent {

namespace {

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

}  // namespace

const Sandboxes::Record* Sandboxes::at(std::string_view runtime, std::string_view id) const {
  const auto found = records_.find(Key(runtime, id));
  return found == records_.end() ? nullptr : &found->second;
}

Result<> Sandboxes::keep(std::string_view adapter, std::string_view runtime,
                         identity::Identity record) {
  if (record.sandbox_id.empty()) {
    record.sandbox_id = record.container_id;
  }
  record.is_sandbox = true;
  const auto id = record.sandbox_id;
  if (id.empty()) {
    return fail("a sandbox without an id cannot be kept; the adapter must name it");
  }
  if (const auto bytes = bytes_of(record); bytes > limits_.record_bytes) {
    return fail(
        fmt::format("sandbox {} has {} bytes of names and labels, at most {} are kept; its "
                    "containers' labels count as not known",
                    escape(id.substr(0, 64)), bytes, limits_.record_bytes));
  }
  const auto found = records_.find(Key(runtime, id));
  if (found == records_.end()) {
    auto& count = counts_[std::string(adapter)];
    if (count >= limits_.per_adapter) {
      return fail(
          fmt::format("{} sandboxes of adapter {} are kept already, which is all there is "
                      "room for; labels of containers in sandbox {} count as not known",
                      count, escape(adapter), escape(id)));
    }
    ++count;
    records_.emplace(Key(runtime, id), Record{std::move(record), std::string(adapter)});
    return {};
  }
  auto& kept = found->second;
  // The host lets one adapter serve a runtime, so that this is not met; a record that changes hands
  // all the same must not be swept by one adapter's list and be vouched for by another's.
  if (kept.adapter != adapter) {
    return fail(fmt::format("sandbox {} of runtime \"{}\" was named by adapter {} already",
                            escape(id), escape(runtime), kept.adapter));
  }
  kept.seen = true;
  if (auto same = same_identity(kept.identity, record); !same) {
    return fail_in("sandbox " + escape(id), std::move(same.error()));
  }
  learn(kept.identity, record);
  return {};
}

void Sandboxes::drop(std::string_view adapter, std::string_view runtime, std::string_view id) {
  const auto found = records_.find(Key(runtime, id));
  if (found != records_.end() && found->second.adapter == adapter) {
    --counts_[found->second.adapter];
    records_.erase(found);
  }
}

std::size_t Sandboxes::sweep(std::string_view adapter, std::string_view runtime) {
  const auto swept = std::erase_if(records_, [&](const auto& item) {
    return item.second.adapter == adapter && item.first.first == runtime && !item.second.seen;
  });
  begin_list(adapter, runtime);
  if (swept != 0) {
    counts_[std::string(adapter)] -= swept;
  }
  return swept;
}

void Sandboxes::begin_list(std::string_view adapter, std::string_view runtime) {
  for (auto& [key, record] : records_) {
    record.seen = record.seen && (record.adapter != adapter || key.first != runtime);
  }
}

const identity::Identity* Sandboxes::find(std::string_view runtime, std::string_view id) const {
  const auto* record = at(runtime, id);
  return record == nullptr ? nullptr : &record->identity;
}

Result<Sandboxes::Told> Sandboxes::told(std::string_view id) const {
  const Key* owner = nullptr;
  for (const auto& [key, record] : records_) {
    if (key.second != id) {
      continue;
    }
    if (owner == nullptr) {
      owner = &key;
    } else if (auto same = same_identity(records_.at(*owner).identity, record.identity); !same) {
      return fail_in(fmt::format("adapters name sandbox {} as one of runtime \"{}\" and of \"{}\"",
                                 escape(id.substr(0, 64)), escape(owner->first), escape(key.first)),
                     std::move(same.error()));
    }
  }
  if (owner == nullptr) {
    return fail(fmt::format("no runtime's adapter has told of sandbox {} (yet): check that the one "
                            "of its runtime is healthy (usherctl adapters)",
                            escape(id.substr(0, 64))),
                EAGAIN);
  }
  return Told{owner->first, &records_.at(*owner).identity};
}

std::set<std::string> Sandboxes::runtimes_of_pod(std::string_view pod_uid) const {
  std::set<std::string> runtimes;
  for (const auto& [key, record] : records_) {
    if (!pod_uid.empty() && record.identity.pod_uid == pod_uid) {
      runtimes.insert(key.first);
    }
  }
  return runtimes;
}

Result<> Sandboxes::join(std::string_view runtime, identity::Identity& who) const {
  const auto* record = who.sandbox_id.empty() ? nullptr : at(runtime, who.sandbox_id);
  if (record == nullptr) {
    return {};
  }
  // Of the sandbox's record only what is the pod's: ids and image are the sandbox's own.
  identity::Identity pod = record->identity;
  pod.container_name.clear();
  pod.container_id.clear();
  pod.image.clear();
  pod.is_sandbox = true;
  if (auto same = same_identity(who, pod); !same) {
    return fail_in("sandbox " + escape(who.sandbox_id), std::move(same.error()));
  }
  learn(who, pod);
  return {};
}

std::size_t Sandboxes::size_of(std::string_view adapter) const {
  const auto found = counts_.find(adapter);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace usher::agent
