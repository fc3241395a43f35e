#include "kata/relay.hpp"

#include <unistd.h>

#include <set>
#include <utility>
#include <vector>

#include "base/escape.hpp"

namespace usher::kata {
namespace {

cri::Loop loop_of(const plugin::Host& host) {
  if (host.loop() == nullptr) {
    throw plugin::Failure("this agent offers no " USHER_EXT_LOOP "; update usherd");
  }
  return {host.loop(), host.context()};
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
          [this](const std::string& sandbox) {
            if (elsewhere_) {
              elsewhere_(sandbox);
            }
          },
          [this](const std::string& sandbox, const std::string& container) {
            desk_.guests.report(sandbox, container, USHER_GUEST_ENDED);
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
      cids_(bounds_.kernel),
      watch_(
          loop_, {.places = options_.places, .port = options_.port, .trusted = trusted_},
          {.came = [this](const std::string& name, bool is_cut) { directory_came(name, is_cut); },
           .went = [this](const std::string& name) { directory_gone(name); },
           .connected = [this](const std::string& name, uid_t owner,
                               Fd peer) { connected(name, owner, std::move(peer)); },
           .problem =
               [this](const std::string& name, const std::string& sentence) {
                 if (name.empty()) {
                   return host_.set_health(USHER_DEGRADED, sentence);
                 }
                 host_.log(USHER_LOG_WARNING, sentence);
                 if (Sandbox* sandbox = find_directory(name, true)) {
                   sandbox->guest->warn("guest-socket", "", sentence);
                 }
               }}),
      vsock_(
          loop_, [this](std::uint32_t cid, Fd peer) { vsock_connected(cid, std::move(peer)); },
          [this](const std::string& why) { host_.log(USHER_LOG_ERROR, why); }) {}

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

void Relay::policies(std::string_view sandbox, const plugin::GuestPolicies& policies) {
  if (Sandbox* known = find(sandbox)) {
    known->guest->policies(policies);
  }
}

void Relay::connected(const std::string& name, uid_t owner, Fd peer) {
  Sandbox* found = find_directory(name, false);
  if (found == nullptr) {
    return;
  }
  Sandbox& sandbox = *found;
  const auto& id = sandbox.guest->sandbox_id();
  look_for_cgroup(sandbox);
  auto admitted = admit(bounds_.kernel, peer.get(),
                        {.sandbox = id.empty() ? name : id,
                         .is_cut = id.empty() && sandbox.is_cut,
                         .owner = owner,
                         .trusted = trusted_,
                         .cgroup = sandbox.cgroup,
                         .agents = bounds_.own_cgroup,
                         .check_cgroup = options_.check_cgroup});
  if (!admitted) {
    return sandbox.guest->warn("guest-peer", "", admitted.error().message);
  }
  if (admitted->placed && !is_alive(sandbox.monitor.pidfd)) {
    sandbox.cgroup = admitted->cgroup;
    sandbox.monitor = std::move(*admitted);
    sandbox.published = std::make_shared<bool>(false);
  }
  publish_monitor(sandbox);
  sandbox.guest->connected(std::move(peer));
}

void Relay::vsock_connected(std::uint32_t cid, Fd peer) {
  const auto owner = cids_.of(cid, [this] {
    std::vector<std::string> ids;
    for (const auto& [name, sandbox] : sandboxes_) {
      if (!sandbox.guest->sandbox_id().empty()) {
        ids.push_back(sandbox.guest->sandbox_id());
      }
    }
    return ids;
  });
  if (!owner) {
    if (owner.error().code != EAGAIN) {
      host_.log(USHER_LOG_WARNING, "a connection over vsock was closed: " + owner.error().message);
    }
    return;
  }
  const auto& [id, monitor] = **owner;
  if (!is_sandbox_name(id) || (sandboxes_.size() >= kMaxSandboxes && find(id) == nullptr)) {
    return;
  }
  Sandbox* found = find(id);
  Sandbox& sandbox = found != nullptr ? *found : sandbox_of(id, false);
  if (!is_alive(sandbox.monitor.pidfd)) {
    auto held = hold_process(monitor.pid);
    if (!held || !is_alive(monitor.pidfd)) {
      return;
    }
    sandbox.monitor.pid = monitor.pid;
    sandbox.monitor.pidfd = std::move(*held);
    sandbox.monitor.cgroup = sandbox.cgroup = monitor.cgroup;
    sandbox.monitor.placed = true;
    sandbox.published = std::make_shared<bool>(false);
  }
  publish_monitor(sandbox);
  sandbox.guest->connected(std::move(peer));
}

}  // namespace usher::kata
