#include "kata/relay.hpp"

#include <unistd.h>

#include <set>
#include <utility>
#include <vector>

#include "base/escape.hpp"

namespace usher::kata {
namespace {

// The agent keeps as many of an adapter.
constexpr std::size_t kMaxSandboxes = 4096;

cri::Loop loop_of(const plugin::Host& host) {
  if (host.loop() == nullptr) {
    throw plugin::Failure("this agent offers no " USHER_EXT_LOOP "; update usherd");
  }
  return {host.loop(), host.context()};
}

const std::string& sandbox_id_of(const plugin::Identity& identity) {
  return identity.sandbox_id.empty() ? identity.container_id : identity.sandbox_id;
}

}  // namespace

Relay::Relay(plugin::Host host, Options options, Bounds bounds)
    : host_(host),
      options_(std::move(options)),
      bounds_(std::move(bounds)),
      loop_(loop_of(host)),
      trusted_(::geteuid()),
      memory_(std::filesystem::path(options_.run_dir) / "kata"),
      claims_(
          loop_,
          [this](const plugin::GuestClaim& claim, plugin::Guests::Answer answer) {
            desk_.guests.claim(claim, std::move(answer));
          },
          bounds_.verdict,
          [this](const std::string& sandbox, const std::string& container) {
            if (elsewhere_) {
              elsewhere_(sandbox, container);
            }
          }),
      absence_(loop_, options_.missing_after, options_.missing_known,
               [this](const auto& sandbox, const auto& container, bool refused) {
                 missing(sandbox, container, refused);
               }),
      desk_{.host = host,
            .loop = loop_,
            .guests = plugin::Guests(host),
            .claims = claims_,
            .memory = memory_,
            .limits = bounds_.limits,
            .first_frame = bounds_.first_frame,
            .judged =
                [this](const auto& sandbox, const auto& container, bool granted) {
                  if (!sandbox.empty()) {
                    absence_.judged(sandbox, container, granted);
                  }
                }},
      watch_(loop_, {.places = options_.places, .port = options_.port, .trusted = trusted_},
             {.came = [this](const std::string& name,
                             bool is_cut) { sandbox_of(name, is_cut).has_directory = true; },
              .went = [this](const std::string& name) { directory_gone(name); },
              .connected = [this](const std::string& name, uid_t owner,
                                  Fd peer) { connected(name, owner, std::move(peer)); },
              .problem =
                  [this](const std::string& name, const std::string& sentence) {
                    if (name.empty()) {
                      return host_.set_health(USHER_DEGRADED, sentence);
                    }
                    host_.log(USHER_LOG_WARNING, sentence);
                    if (Sandbox* sandbox = find(name)) {
                      sandbox->guest->warn("guest-socket", "", sentence);
                    }
                  }}),
      vsock_(loop_, [this](std::uint32_t cid, Fd peer) { vsock_connected(cid, std::move(peer)); }) {
}

void Relay::start() {
  watch_.start();
  forget_stale();
  if (options_.vsock) {
    if (auto listening = vsock_.start(options_.port); !listening) {
      host_.set_health(USHER_DEGRADED, "guests with a vsock of their own are not heard: " +
                                           listening.error().message);
    }
  }
}

void Relay::stop() {
  vsock_.stop();
  watch_.stop();
  absence_.stop();
  claims_.stop();
  for (auto& [name, sandbox] : sandboxes_) {
    sandbox.guest->close();
  }
  sandboxes_.clear();
}

// Of sandboxes that went while no agent ran. Those without a directory may have a vsock.
void Relay::forget_stale() {
  for (const auto& name : memory_.sandboxes()) {
    if (!options_.vsock && !sandboxes_.contains(name)) {
      memory_.forget(name);
    }
  }
}

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

void Relay::container(std::uint32_t kind, const plugin::Identity& identity) {
  const std::string& id = sandbox_id_of(identity);
  if (!is_sandbox_name(id)) {
    return;
  }
  Sandbox* sandbox = find(id);
  if (kind == USHER_EVENT_SANDBOX_GONE) {
    absence_.sandbox_gone(id);
    if (sandbox != nullptr && !sandbox->has_directory) {
      sandbox->guest->gone();
      sandboxes_.erase(sandbox->guest->name());
    } else if (sandbox != nullptr) {
      sandbox->told = false;
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
    absence_.running(id, identity.container_id);
  } else if (kind == USHER_EVENT_CONTAINER_GONE) {
    absence_.gone(id, identity.container_id);
    sandbox->guest->forget(identity.container_id);
  }
  watch_.look_at(sandbox->guest->name());
  look_for_monitor(*sandbox);
  claims_.hurry();
}

void Relay::told(Sandbox& sandbox, const plugin::Identity& identity) {
  const std::string& id = sandbox_id_of(identity);
  sandbox.told = true;
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

void Relay::directory_gone(const std::string& name) {
  if (const auto at = sandboxes_.find(name); at != sandboxes_.end()) {
    absence_.sandbox_gone(at->second.guest->sandbox_id());
    at->second.guest->gone();
    sandboxes_.erase(at);
  }
}

void Relay::policies(std::string_view sandbox, const plugin::GuestPolicies& policies) {
  if (Sandbox* known = find(sandbox)) {
    known->guest->policies(policies);
  }
}

void Relay::connected(const std::string& name, uid_t owner, Fd peer) {
  const auto at = sandboxes_.find(name);
  if (at == sandboxes_.end()) {
    return;
  }
  Sandbox& sandbox = at->second;
  look_for_cgroup(sandbox);
  auto admitted = admit(bounds_.kernel, peer.get(),
                        {.sandbox = name,
                         .is_cut = sandbox.is_cut,
                         .owner = owner,
                         .trusted = trusted_,
                         .cgroup = sandbox.cgroup,
                         .check_cgroup = options_.check_cgroup});
  if (!admitted) {
    return sandbox.guest->warn("guest-peer", "", admitted.error().message);
  }
  if (admitted->placed && !is_alive(sandbox.monitor.pidfd)) {
    sandbox.cgroup = admitted->cgroup;
    sandbox.monitor = std::move(*admitted);
    sandbox.published = false;
  }
  publish_monitor(sandbox);
  sandbox.guest->connected(std::move(peer));
}

void Relay::vsock_connected(std::uint32_t cid, Fd peer) {
  auto known = cids_.find(cid);
  if (known != cids_.end() && !is_alive(known->second.peer.pidfd)) {
    cids_.erase(known);  // context ids are used again
    known = cids_.end();
  }
  if (known == cids_.end()) {
    std::vector<std::string> ids;
    for (const auto& [name, sandbox] : sandboxes_) {
      if (!sandbox.guest->sandbox_id().empty()) {
        ids.push_back(sandbox.guest->sandbox_id());
      }
    }
    auto owner = owner_of_cid(bounds_.kernel, cid, ids);
    if (!owner) {
      return host_.log(USHER_LOG_WARNING,
                       "a connection over vsock was closed: " + owner.error().message);
    }
    std::erase_if(cids_, [](const auto& one) { return !is_alive(one.second.peer.pidfd); });
    known = cids_.emplace(cid, std::move(*owner)).first;
  }
  if (!is_sandbox_name(known->second.sandbox) ||
      (sandboxes_.size() >= kMaxSandboxes && find(known->second.sandbox) == nullptr)) {
    return;
  }
  Sandbox* found = find(known->second.sandbox);
  Sandbox& sandbox = found != nullptr ? *found : sandbox_of(known->second.sandbox, false);
  if (!is_alive(sandbox.monitor.pidfd)) {
    auto held = hold_process(known->second.peer.pid);
    if (!held || !is_alive(known->second.peer.pidfd)) {
      return;
    }
    sandbox.monitor.pid = known->second.peer.pid;
    sandbox.monitor.pidfd = std::move(*held);
    sandbox.monitor.cgroup = sandbox.cgroup = known->second.peer.cgroup;
    sandbox.monitor.placed = true;
    sandbox.published = false;
  }
  publish_monitor(sandbox);
  sandbox.guest->connected(std::move(peer));
}

}  // namespace usher::kata
