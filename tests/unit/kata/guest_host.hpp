// Stands for the agent towards the relay: its loop, and a usher.guests/1 whose table of containers
// a test fills. What the real table refuses beyond that (policies, states, bounds) is the agent's
// own tests' to show.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lab/loop_host.hpp"
#include "usher/plugin.hpp"

namespace usher::kata::test {

class GuestHost {
 public:
  struct Claimed {
    std::string sandbox, container, backend;
    std::uint32_t enforces;
  };
  struct Warned {
    std::string sandbox, container, type, message;
  };
  struct Session {
    std::string backend, kernel, version, trouble, problem;
    std::uint32_t enforces = 0;
    std::uint64_t applied = 0;
    bool away = false;
  };
  struct Event {
    std::uint32_t kind;
    plugin::Identity identity;
    std::int64_t pid;
  };

  // "sandbox/container" that is being created.
  std::set<std::string> creating;
  plugin::GuestPolicies policies{1, {}};
  std::function<void(const Event&)> on_published;
  bool silent = false;  // claims are kept, and nobody answers them
  bool busy = false;    // events are not taken
  std::vector<usher_guest_granted> kept;

  std::vector<Claimed> claimed;
  std::vector<Warned> warned;
  std::vector<std::string> told;            // "sandbox event"
  std::vector<std::string> reported;        // "sandbox container stage"
  std::map<std::string, Session> sessions;  // as last told
  std::vector<Event> published;
  std::vector<std::string> order;  // what was asked of us, in order

  GuestHost() {
    table_ = *loop_.host().table();
    table_.context = this;
    table_.minor = USHER_MINOR;
    table_.publish = &publish;
    table_.log = &log;
    table_.set_health = &set_health;
    table_.extension = &extension;
    // Its functions get our context, and the loop's own is the other.
    inner_ = *static_cast<const usher_loop*>(
        loop_.host().table()->extension(loop_.host().context(), plugin::raw(USHER_EXT_LOOP)));
    outer_.size = sizeof outer_;
    outer_.watch = [](void* self, std::int32_t fd, std::uint32_t events, usher_callback callback,
                      std::uint64_t* handle, usher_error* error) {
      return of(self).inner_.watch(of(self).inner(), fd, events, callback, handle, error);
    };
    outer_.timer = [](void* self, std::uint64_t delay, usher_callback callback,
                      std::uint64_t* handle, usher_error* error) {
      return of(self).inner_.timer(of(self).inner(), delay, callback, handle, error);
    };
    outer_.cancel = [](void* self, std::uint64_t handle) {
      of(self).inner_.cancel(of(self).inner(), handle);
    };
  }
  GuestHost(const GuestHost&) = delete;
  GuestHost& operator=(const GuestHost&) = delete;

  plugin::Host host() { return plugin::Host(&table_); }
  cri::Loop loop() { return {&outer_, this}; }
  void run_until(const std::function<bool()>& done) { loop_.run_until(done); }
  // How much the loop has to do now, as far as `most`.
  std::size_t run_at_most(std::size_t most) {
    loop_.context.restart();
    std::size_t done = 0;
    while (done < most && loop_.context.poll_one() != 0) {
      ++done;
    }
    return done;
  }
  // What the loop has to do now, without waiting.
  void run_ready() {
    loop_.context.restart();
    while (loop_.context.poll() != 0) {
    }
  }

  bool has_warned(const std::string& type) const {
    return std::ranges::any_of(warned, [&](const Warned& one) { return one.type == type; });
  }
  void answer_kept(const std::string& why, int code) {
    for (const auto& one : std::exchange(kept, {})) {
      std::string text = why;
      const usher_error error = plugin::detail::error_of(text, code);
      one.call(one.context, one.ticket, USHER_FAILED, nullptr, {}, nullptr, &error);
    }
  }
  // The agent lets start what it was asked for.
  void grant_kept(const std::string& sandbox, const std::string& container) {
    for (const auto& one : std::exchange(kept, {})) {
      grant(sandbox, container, one);
    }
  }

 private:
  static GuestHost& of(void* self) { return *static_cast<GuestHost*>(self); }
  void* inner() { return loop_.host().context(); }

  static std::int32_t publish(void* self, const usher_event* event, usher_done done, usher_error*) {
    of(self).published.push_back(
        {event->kind,
         event->identity != nullptr ? plugin::detail::copy_of(event->identity) : plugin::Identity{},
         event->pid});
    if (of(self).on_published) {
      of(self).on_published(of(self).published.back());
    }
    if (done.call != nullptr) {
      std::string why = "the agent is busy";
      const usher_error error = plugin::detail::error_of(why, EAGAIN);
      const bool busy = of(self).busy;
      done.call(done.context, done.ticket, busy ? USHER_FAILED : USHER_OK, busy ? &error : nullptr);
    }
    return USHER_OK;
  }
  static void log(void* self, std::uint32_t level, usher_string message) {
    of(self).loop_.host().log(level, plugin::view(message));
  }
  static void set_health(void* self, std::uint32_t health, usher_string reason) {
    of(self).loop_.host().set_health(health, plugin::view(reason));
  }
  static const void* extension(void* self, usher_string id) {
    if (plugin::view(id) == USHER_EXT_LOOP) {
      return &of(self).outer_;
    }
    return plugin::view(id) == USHER_EXT_GUESTS ? &of(self).guests_ : nullptr;
  }

  static std::int32_t claim(void* self, const usher_guest_claim* claim, usher_guest_granted answer,
                            usher_error*) {
    auto& host = of(self);
    const std::string sandbox(plugin::view(claim->sandbox_id));
    const std::string container(plugin::view(claim->container_id));
    host.claimed.push_back(
        {sandbox, container, std::string(plugin::view(claim->backend)), claim->enforces});
    if (host.silent) {
      host.kept.push_back(answer);
      return USHER_OK;
    }
    const std::string both = sandbox + "/" + container;
    const auto refuse = [&](std::string why, int code) {
      const usher_error error = plugin::detail::error_of(why, code);
      answer.call(answer.context, answer.ticket, USHER_FAILED, nullptr, {}, nullptr, &error);
    };
    if (host.approved_.contains(both)) {
      refuse("container " + container + " was claimed before", EPERM);
    } else if (container != sandbox && !host.creating.contains(both)) {
      refuse("container " + container + " is not known in this sandbox", EAGAIN);
    } else {
      host.approved_.insert(both);
      host.grant(sandbox, container, answer);
    }
    return USHER_OK;
  }
  void grant(const std::string& sandbox, const std::string& container,
             const usher_guest_granted& answer) {
    plugin::Identity who;
    who.pod_namespace = "payments";
    who.pod_name = "api";
    who.pod_uid = "uid";
    who.container_id = container;
    who.sandbox_id = sandbox;
    who.pod_labels = labels;
    who.labels_known = true;
    who.guest = true;
    const plugin::detail::RawIdentity identity(who);
    std::vector<usher_guest_policy> texts;
    std::vector<const usher_guest_policy*> items;
    for (const auto& policy : policies.items) {
      texts.push_back(
          {sizeof(usher_guest_policy), 0, plugin::raw(policy.name), plugin::raw(policy.text)});
    }
    for (const auto& text : texts) {
      items.push_back(&text);
    }
    const usher_guest_policies set{sizeof set, 0, policies.generation, items.data(), items.size()};
    answer.call(answer.context, answer.ticket, USHER_OK, identity.get(), plugin::raw("containerd"),
                &set, nullptr);
  }
  static void report(void* self, usher_string sandbox, usher_string container,
                     std::uint32_t stage) {
    of(self).reported.push_back(std::string(plugin::view(sandbox)) + " " +
                                std::string(plugin::view(container)) + " " + std::to_string(stage));
  }
  static void session(void* self, usher_string sandbox, const usher_guest_session* session) {
    const std::string id(plugin::view(sandbox));
    if (session == nullptr) {
      of(self).sessions.erase(id);
      return;
    }
    of(self).sessions[id] = {.backend = std::string(plugin::view(session->backend)),
                             .kernel = std::string(plugin::view(session->kernel)),
                             .version = std::string(plugin::view(session->version)),
                             .trouble = std::string(plugin::view(session->trouble)),
                             .problem = std::string(plugin::view(session->problem)),
                             .enforces = session->enforces,
                             .applied = session->applied,
                             .away = session->away != 0};
  }
  static void tell(void* self, usher_string sandbox, usher_string event) {
    of(self).told.push_back(std::string(plugin::view(sandbox)) + " " +
                            std::string(plugin::view(event)));
  }
  static void warn(void* self, std::uint32_t, usher_string sandbox, usher_string container,
                   usher_string type, usher_string message) {
    of(self).warned.push_back(
        {std::string(plugin::view(sandbox)), std::string(plugin::view(container)),
         std::string(plugin::view(type)), std::string(plugin::view(message))});
  }

 public:
  std::map<std::string, std::string, std::less<>> labels{{"app", "api"}};

 private:
  std::set<std::string> approved_;
  usher::test::LoopHost loop_;
  usher_loop inner_{};
  usher_loop outer_{};
  usher_guests guests_{sizeof(usher_guests), 0, &claim, &report, &session, &tell, &warn};
  usher_host table_{};
};

}  // namespace usher::kata::test
