// Relay: which sandboxes there are, by their directories and as their runtime tells them.
#include <algorithm>
#include <utility>

#include "base/glob.hpp"
#include "kata/relay.hpp"

namespace usher::kata {
namespace {

const std::string& sandbox_id_of(const plugin::Identity& identity) {
  return identity.sandbox_id.empty() ? identity.container_id : identity.sandbox_id;
}

}  // namespace

Relay::Sandbox& Relay::sandbox_of(const std::string& name, bool is_cut) {
  const auto [at, is_new] = sandboxes_.try_emplace(name);
  Sandbox& sandbox = at->second;
  if (is_new) {
    sandbox.is_cut = is_cut;
    sandbox.guest = std::make_shared<Guest>(desk_, name, is_cut);
    for (const auto& container : sandbox.guest->granted()) {
      if (!is_cut) {
        absence_.judged(name, container, true);
      }
    }
  }
  return sandbox;
}

Relay::Sandbox* Relay::find(std::string_view id) {
  if (const auto whole = sandboxes_.find(id); whole != sandboxes_.end()) {
    return &whole->second;
  }
  for (const auto& place : options_.places) {
    if (place.cut == 0 || id.size() <= place.cut) {
      continue;
    }
    if (const auto cut = sandboxes_.find(id.substr(0, place.cut));
        cut != sandboxes_.end() && cut->second.is_cut &&
        (cut->second.guest->sandbox_id().empty() || cut->second.guest->sandbox_id() == id)) {
      return &cut->second;
    }
  }
  return nullptr;
}

Relay::Sandbox* Relay::find_directory(const std::string& name, bool is_cut) {
  for (auto& [key, sandbox] : sandboxes_) {
    if (key == name || sandbox.directories.contains(name) ||
        (is_cut && sandbox.guest->sandbox_id().starts_with(name))) {
      return &sandbox;
    }
  }
  return nullptr;
}

// One sandbox may have several directories; it has one guest.
void Relay::directory_came(const std::string& name, bool is_cut) {
  Sandbox* known = is_cut ? find_directory(name, true) : find(name);
  (known != nullptr ? *known : sandbox_of(name, is_cut)).directories.insert(name);
}

void Relay::directory_gone(const std::string& name) {
  Sandbox* sandbox = find_directory(name, false);
  if (sandbox != nullptr && sandbox->directories.erase(name) != 0 && sandbox->directories.empty()) {
    gone(std::string(sandbox->guest->name()));
  }
}

void Relay::gone(const std::string& name) {
  const auto guest = sandboxes_.at(name).guest;
  absence_.sandbox_gone(guest->sandbox_id());
  guest->gone();
  sandboxes_.erase(name);
  if (gone_ && !guest->sandbox_id().empty()) {
    gone_(guest->sandbox_id());
  }
}

// Of sandboxes that went while no agent ran. Those without a directory may have a vsock.
void Relay::forget_stale() {
  for (const auto& name : memory_.sandboxes()) {
    if (!options_.vsock && find_directory(name, false) == nullptr) {
      memory_.forget(name);
    }
  }
}

void Relay::container(std::uint32_t kind, const plugin::Identity& identity) {
  const std::string& id = sandbox_id_of(identity);
  if (!is_sandbox_name(id)) {
    return;
  }
  Sandbox* sandbox = find(id);
  if (kind == USHER_EVENT_SANDBOX_GONE) {
    absence_.sandbox_gone(id);
    // One that has a directory ends with that.
    if (sandbox != nullptr && sandbox->directories.empty()) {
      gone(std::string(sandbox->guest->name()));
    }
    return;
  }
  if (sandbox == nullptr) {
    if (kind == USHER_EVENT_CONTAINER_GONE || sandboxes_.size() >= kMaxSandboxes) {
      return;
    }
    sandbox = &sandbox_of(id, false);
  }
  told(*sandbox, identity);
  const bool is_own = identity.container_id == id;
  if (kind == USHER_EVENT_CONTAINER_STARTING && !is_own) {
    absence_.starting(id, identity.container_id);
  } else if (kind == USHER_EVENT_CONTAINER_RUNNING && !is_own) {
    sandbox->guest->runs();
    if (is_expected(identity.runtime_handler)) {
      absence_.running(id, identity.container_id);
    }
  } else if (kind == USHER_EVENT_CONTAINER_GONE) {
    absence_.gone(id, identity.container_id);
    sandbox->guest->forget(identity.container_id);
  }
  look_at_directories(id);
  if (sandbox = find(id); sandbox != nullptr) {
    look_for_monitor(*sandbox);
  }
  claims_.hurry(id);
}

// One that was told may have a directory of which the watch has not heard yet.
void Relay::look_at_directories(const std::string& id) {
  watch_.look_at(id);
  for (const auto& place : options_.places) {
    if (place.cut != 0 && id.size() > place.cut) {
      watch_.look_at(id.substr(0, place.cut));
    }
  }
}

bool Relay::is_expected(const std::string& handler) const {
  return std::ranges::any_of(options_.missing_handlers, [&](const std::string& pattern) {
    return glob_matches(pattern, handler);
  });
}

void Relay::told(Sandbox& sandbox, const plugin::Identity& identity) {
  const std::string& id = sandbox_id_of(identity);
  if (sandbox.guest->sandbox_id().empty()) {
    sandbox.guest->is(id);
    for (const auto& container : sandbox.guest->granted()) {
      absence_.judged(id, container, true);
    }
  }
  if (!sandbox.identity || identity.labels_known) {
    plugin::Identity own = identity;
    own.container_id = own.sandbox_id = id;
    own.container_name.clear();
    own.image.clear();
    own.is_sandbox = true;
    own.guest = false;
    own.host_root = true;
    sandbox.identity = std::move(own);
  }
}

}  // namespace usher::kata
