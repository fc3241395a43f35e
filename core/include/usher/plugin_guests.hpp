// SPDX-License-Identifier: Apache-2.0
// Containers that another kernel runs: usher.guests/1 of the host, and what a relay's class offers
// for usher.guest-relay/1; included by plugin.hpp. All of it on the agent's loop.
//
// A relay is a class with both of these:
//   void guest_container(std::uint32_t kind, const usher::plugin::Identity& identity);
//   void guest_policies(std::string_view sandbox_id, const usher::plugin::GuestPolicies& policies);
// What they throw goes nowhere: whoever wants a line in the log wraps them in Host::guard.
#pragma once

#include <concepts>
#include <cstring>
#include <functional>
#include <memory>

#include "usher/plugin.hpp"

namespace usher::plugin {

struct GuestPolicy {
  std::string name;
  std::string text;  // TOML
};

// All policies of a sandbox, as far as its containers were claimed.
struct GuestPolicies {
  std::uint64_t generation = 0;
  std::vector<GuestPolicy> items;
};

struct GuestClaim {
  std::string_view sandbox_id = {};    // by the transport
  std::string_view container_id = {};  // the guest's word
  std::string_view backend = {};       // of the guest: lsm, tracepoint, none
  std::uint32_t enforces = 0;          // USHER_GUEST_ENFORCES_
};

// The container may run.
struct GuestGrant {
  Identity identity;
  std::string runtime;
  GuestPolicies policies;
};

struct GuestSession {
  std::string_view sandbox_id = {};
  std::string_view backend = {};
  std::string_view kernel = {};
  std::string_view version = {};
  std::string_view trouble = {};
  std::string_view problem = {};
  std::uint32_t enforces = 0;
  std::uint64_t applied = 0;  // the generation that is in force in the guest; 0: none
  bool away = false;          // no connection now; it may be taken up again
};

namespace detail {

// A struct that leads with its size, as this header knows it.
template <class T>
T sized(const T* from) {
  T out{};
  if (from != nullptr) {
    std::memcpy(static_cast<void*>(&out), from, std::min<std::size_t>(from->size, sizeof out));
  }
  return out;
}

inline Identity copy_of(const usher_identity* given) {
  const auto from = sized(given);
  Identity to;
  to.pod_namespace = view(from.pod_namespace);
  to.pod_name = view(from.pod_name);
  to.pod_uid = view(from.pod_uid);
  to.container_name = view(from.container_name);
  to.container_id = view(from.container_id);
  to.sandbox_id = view(from.sandbox_id);
  to.image = view(from.image);
  to.runtime_handler = view(from.runtime_handler);
  for (std::uint64_t i = 0; i < from.pod_label_count; ++i) {
    to.pod_labels.emplace(view(from.pod_labels[i].key), view(from.pod_labels[i].value));
  }
  to.labels_known = (from.flags & USHER_IDENTITY_LABELS_KNOWN) != 0;
  to.is_sandbox = (from.flags & USHER_IDENTITY_SANDBOX) != 0;
  to.guest = (from.flags & USHER_IDENTITY_GUEST) != 0;
  to.host_root = (from.flags & USHER_IDENTITY_HOST_ROOT) != 0;
  to.handler_unknown = (from.unknown & USHER_UNKNOWN_HANDLER) != 0;
  to.record_unknown = (from.unknown & USHER_UNKNOWN_RECORD) != 0;
  to.identity_source = view(from.identity_source);
  to.labels_source = view(from.labels_source);
  return to;
}

inline GuestPolicies copy_of(const usher_guest_policies* given) {
  const auto from = sized(given);
  GuestPolicies to{from.generation, {}};
  for (std::uint64_t i = 0; i < from.count; ++i) {
    const auto policy = sized(from.items[i]);
    to.items.push_back({std::string(view(policy.name)), std::string(view(policy.text))});
  }
  return to;
}

template <class A>
concept Relays = requires(A& adapter, const Identity& identity, const GuestPolicies& policies) {
  adapter.guest_container(std::uint32_t{}, identity);
  adapter.guest_policies(std::string_view(), policies);
};

template <class A>
void relay_container(void* instance, std::uint32_t kind, const usher_identity* identity) {
  guarded(nullptr, [&] { static_cast<A*>(instance)->guest_container(kind, copy_of(identity)); });
}
template <class A>
void relay_policies(void* instance, usher_string sandbox_id, const usher_guest_policies* policies) {
  guarded(nullptr,
          [&] { static_cast<A*>(instance)->guest_policies(view(sandbox_id), copy_of(policies)); });
}

// The adapter's table or NULL.
template <class A>
const void* relay_extension(usher_string id) {
  if constexpr (Relays<A>) {
    static constexpr usher_guest_relay kRelay = {sizeof(usher_guest_relay), 0, &relay_container<A>,
                                                 &relay_policies<A>};
    if (view(id) == USHER_EXT_GUEST_RELAY) {
      return &kRelay;
    }
  }
  return nullptr;
}

}  // namespace detail

// The agent's table of guest containers. A copy is as good as the original until the adapter's end.
class Guests {
 public:
  // Called once, on the loop: a grant, or null and why not. A failure's code of EAGAIN says that
  // the container is not known (yet) and may be asked for again.
  using Answer = std::function<void(const GuestGrant* grant, const Failure* why_not)>;

  // Throws a Failure where the agent does not offer usher.guests/1.
  explicit Guests(Host host)
      : host_(host),
        table_(static_cast<const usher_guests*>(
            host.table()->extension(host.context(), raw(USHER_EXT_GUESTS)))) {
    if (table_ == nullptr) {
      throw Failure("this agent offers no " USHER_EXT_GUESTS "; update usherd");
    }
  }

  // May it run? `answer` comes during this call or later, within the gate's deadline; what it
  // throws is a line in the log. Throws, and then never calls it, where the host does not take it.
  void claim(const GuestClaim& claim, Answer answer) const {
    auto open = std::make_unique<Open>(Open{host_, std::move(answer)});
    const usher_guest_claim form{sizeof form, claim.enforces, raw(claim.sandbox_id),
                                 raw(claim.container_id), raw(claim.backend)};
    std::string text(512, '\0');
    usher_error error{sizeof error, 0, text.data(), text.size(), 0};
    Open* const context = open.release();  // the answer's from here on
    const auto status = table_->claim(host_.context(), &form, {&granted, context, 0}, &error);
    if (status != USHER_OK) {
      open.reset(context);
      throw Failure(text.substr(0, error.length), status, error.code);
    }
  }
  // stage: USHER_GUEST_RUNNING, USHER_GUEST_ENDED.
  void report(std::string_view sandbox_id, std::string_view container_id,
              std::uint32_t stage) const {
    table_->report(host_.context(), raw(sandbox_id), raw(container_id), stage);
  }
  void session(const GuestSession& session) const {
    const usher_guest_session form{sizeof form,
                                   session.enforces,
                                   raw(session.sandbox_id),
                                   raw(session.backend),
                                   raw(session.kernel),
                                   raw(session.version),
                                   raw(session.trouble),
                                   session.applied,
                                   raw(session.problem),
                                   session.away ? 1U : 0U,
                                   0};
    table_->session(host_.context(), raw(session.sandbox_id), &form);
  }
  void no_session(std::string_view sandbox_id) const {
    table_->session(host_.context(), raw(sandbox_id), nullptr);
  }
  // `event`: the bytes of a usher.v1.Event.
  void told(std::string_view sandbox_id, std::string_view event) const {
    table_->told(host_.context(), raw(sandbox_id), raw(event));
  }
  // level: USHER_LOG_; container_id may be empty; type: a word, as "guest-missing".
  void warn(std::uint32_t level, std::string_view sandbox_id, std::string_view container_id,
            std::string_view type, std::string_view message) const {
    table_->warn(host_.context(), level, raw(sandbox_id), raw(container_id), raw(type),
                 raw(message));
  }

 private:
  struct Open {
    Host host;
    Answer answer;
  };

  static void granted(void* context, std::uint64_t /*ticket*/, std::int32_t status,
                      const usher_identity* identity, usher_string runtime,
                      const usher_guest_policies* policies, const usher_error* error) {
    const std::unique_ptr<Open> open(static_cast<Open*>(context));
    open->host.guard([&] {
      if (status == USHER_OK) {
        const GuestGrant grant{detail::copy_of(identity), std::string(view(runtime)),
                               detail::copy_of(policies)};
        open->answer(&grant, nullptr);
        return;
      }
      const auto said = detail::sized(error);
      const Failure why(std::string(view({said.message, said.length})), status, said.code);
      open->answer(nullptr, &why);
    });
  }

  Host host_;
  const usher_guests* table_;
};

}  // namespace usher::plugin
