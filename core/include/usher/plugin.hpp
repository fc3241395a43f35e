// SPDX-License-Identifier: Apache-2.0
// The C++20 SDK over plugin.h: header-only, no dependency but the standard library. An adapter is
// one class and one line:
//
//   class Mine {
//    public:
//     static constexpr std::string_view kName = "mine", kVersion = "1.0";
//     static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("mine")}};
//     static void probe(const usher::plugin::Settings&);          // throws Absent: why not
//     Mine(usher::plugin::Host host, const usher::plugin::Settings& settings);
//     void identify(const usher::plugin::OciState& state, usher::plugin::Answer answer);
//   };
//   USHER_ADAPTER(Mine)
//
// kRuntimes are the names of usher_plugin.runtimes. Optional: identify; void start();
// void stop(Done stopped); static plan, install, verify, uninstall of (const Settings&, Report&),
// all four. What feeds the agent: co_await host.publish(event) (plugin_publish.hpp); what waits for
// files and time: Watch and Timer (plugin_loop.hpp); what relays for containers of other kernels:
// Guests (plugin_guests.hpp). Whatever is thrown stops at the ABI and becomes its error, or a line
// in the agent's log where nobody waits for an error.
#pragma once

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "usher/plugin.h"

namespace usher::plugin {

inline std::string_view view(usher_string s) {
  return s.size == 0 ? std::string_view() : std::string_view(s.data, s.size);
}
constexpr usher_string raw(std::string_view s) {
  return {s.data(), s.size()};
}

// What a member function throws to fail. `code` is an errno or 0.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& message, std::int32_t status = USHER_FAILED, int code = 0)
      : std::runtime_error(message), status_(status), code_(code) {}
  std::int32_t status() const { return status_; }
  int code() const { return code_; }

 private:
  std::int32_t status_;
  int code_;
};

// What probe throws where the runtime is not here.
class Absent : public Failure {
 public:
  explicit Absent(const std::string& why) : Failure(why, USHER_ABSENT) {}
};

namespace detail {

inline void set_error(usher_error* error, std::string_view message, int code = 0) noexcept {
  if (error == nullptr || error->message == nullptr) {
    return;
  }
  error->code = code;
  error->length = std::min<std::uint64_t>(message.size(), error->capacity);
  std::copy_n(message.data(), error->length, error->message);
}

// Runs `body`; an exception becomes a status and an error.
template <class Body>
std::int32_t guarded(usher_error* error, Body&& body) noexcept {
  try {
    body();
    return USHER_OK;
  } catch (const Failure& failure) {
    set_error(error, failure.what(), failure.code());
    return failure.status();
  } catch (const std::exception& e) {
    set_error(error, e.what());
  } catch (...) {
    set_error(error, "an unknown exception");
  }
  return USHER_FAILED;
}

// An error struct that borrows its text.
inline usher_error error_of(std::string& message, int code) {
  return {sizeof(usher_error), code, message.data(), message.size(), message.size()};
}

}  // namespace detail

// The adapter's configuration; borrowed for the call that got it.
class Settings {
 public:
  explicit Settings(const usher_settings* settings) {
    for (std::uint64_t i = 0; settings != nullptr && i < settings->count; ++i) {
      const usher_setting* item = settings->items[i];
      items_.emplace(view(item->key), item);
    }
  }

  // Throws for a key that is none of these.
  void allow_only(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, item] : items_) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        throw Failure("unknown setting \"" + std::string(key) + "\"", USHER_INVALID);
      }
    }
  }
  bool has(std::string_view key) const { return items_.contains(key); }
  std::string text(std::string_view key, std::string_view otherwise) const {
    const auto* item = find(key, USHER_VALUE_STRING, "a string");
    return std::string(item == nullptr ? otherwise : view(item->string));
  }
  std::int64_t integer(std::string_view key, std::int64_t otherwise) const {
    const auto* item = find(key, USHER_VALUE_INTEGER, "a whole number");
    return item == nullptr ? otherwise : item->integer;
  }
  bool boolean(std::string_view key, bool otherwise) const {
    const auto* item = find(key, USHER_VALUE_BOOLEAN, "true or false");
    return item == nullptr ? otherwise : item->integer != 0;
  }
  std::vector<std::string> list(std::string_view key) const {
    std::vector<std::string> values;
    if (const auto* item = find(key, USHER_VALUE_LIST, "a list of strings"); item != nullptr) {
      for (std::uint64_t i = 0; i < item->list_count; ++i) {
        values.emplace_back(view(item->list[i]));
      }
    }
    return values;
  }

 private:
  const usher_setting* find(std::string_view key, std::uint32_t type, const char* what) const {
    const auto at = items_.find(key);
    if (at != items_.end() && at->second->type != type) {
      throw Failure("setting \"" + std::string(key) + "\" must be " + what, USHER_INVALID);
    }
    return at == items_.end() ? nullptr : at->second;
  }
  std::map<std::string_view, const usher_setting*, std::less<>> items_;
};

// As usher_identity, with its own memory.
struct Identity {
  std::string pod_namespace, pod_name, pod_uid;
  std::string container_name, container_id, sandbox_id;
  std::string image, runtime_handler;
  std::map<std::string, std::string, std::less<>> pod_labels;
  bool labels_known = false;
  bool is_sandbox = false;
  bool handler_unknown = false;  // USHER_UNKNOWN_HANDLER
  bool record_unknown = false;   // USHER_UNKNOWN_RECORD
  bool guest = false;            // USHER_IDENTITY_GUEST; needs a host of 1.2
  bool host_root = false;        // USHER_IDENTITY_HOST_ROOT; needs a host of 1.2
  std::string identity_source, labels_source;
};

namespace detail {

// The ABI's form of an Identity, which it borrows.
class RawIdentity {
 public:
  explicit RawIdentity(const Identity& from) {
    for (const auto& [key, value] : from.pod_labels) {
      labels_.push_back({raw(key), raw(value)});
    }
    raw_.size = sizeof raw_;
    raw_.flags = (from.is_sandbox ? USHER_IDENTITY_SANDBOX : 0U) |
                 (from.labels_known ? USHER_IDENTITY_LABELS_KNOWN : 0U) |
                 (from.guest ? USHER_IDENTITY_GUEST : 0U) |
                 (from.host_root ? USHER_IDENTITY_HOST_ROOT : 0U);
    raw_.pod_namespace = raw(from.pod_namespace);
    raw_.pod_name = raw(from.pod_name);
    raw_.pod_uid = raw(from.pod_uid);
    raw_.container_name = raw(from.container_name);
    raw_.container_id = raw(from.container_id);
    raw_.sandbox_id = raw(from.sandbox_id);
    raw_.image = raw(from.image);
    raw_.runtime_handler = raw(from.runtime_handler);
    raw_.pod_labels = labels_.data();
    raw_.pod_label_count = labels_.size();
    raw_.identity_source = raw(from.identity_source);
    raw_.labels_source = raw(from.labels_source);
    raw_.unknown = (from.handler_unknown ? USHER_UNKNOWN_HANDLER : 0U) |
                   (from.record_unknown ? USHER_UNKNOWN_RECORD : 0U);
  }
  RawIdentity(const RawIdentity&) = delete;
  RawIdentity& operator=(const RawIdentity&) = delete;
  const usher_identity* get() const { return &raw_; }

 private:
  std::vector<usher_pair> labels_;
  usher_identity raw_{};
};

}  // namespace detail

// Says once that something has ended; if it is dropped unsaid, says that it failed.
class Done {
 public:
  explicit Done(usher_done done) : done_(done) {}
  Done(Done&& other) noexcept : done_(std::exchange(other.done_, {})) {}
  Done& operator=(Done&&) = delete;
  ~Done() { fail("the adapter dropped the question"); }

  void ok() { answer(USHER_OK, nullptr); }
  void fail(std::string message, int code = 0) {
    const usher_error error = detail::error_of(message, code);
    answer(USHER_FAILED, &error);
  }

 private:
  void answer(std::int32_t status, const usher_error* error) {
    if (const usher_done done = std::exchange(done_, {}); done.call != nullptr) {
      done.call(done.context, done.ticket, status, error);
    }
  }
  usher_done done_;
};

// The answer to identify; if it is dropped unanswered, a refusal (but for an exception on its way
// to the ABI, which becomes the refusal itself).
class Answer {
 public:
  explicit Answer(usher_identified answer) : answer_(answer) {}
  Answer(Answer&& other) noexcept : answer_(std::exchange(other.answer_, {})) {}
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (std::uncaught_exceptions() == 0) {
      refuse("the adapter dropped the question");
    }
  }

  void is(const Identity& identity) {
    const detail::RawIdentity form(identity);
    give(form.get(), nullptr);
  }
  // `code` as usher_identified has it.
  void refuse(std::string why, int code = 0) {
    const usher_error error = detail::error_of(why, code);
    give(nullptr, &error);
  }
  // Not known yet: the host asks again within the gate's deadline.
  void ask_again(std::string why) { refuse(std::move(why), EAGAIN); }

 private:
  void give(const usher_identity* identity, const usher_error* error) {
    if (const auto answer = std::exchange(answer_, {}); answer.call != nullptr) {
      answer.call(answer.context, answer.ticket, identity, error);
    }
  }
  usher_identified answer_;
};

// Borrowed for the call to identify.
struct OciState {
  std::string_view runtime, json, id, status, bundle, root;
  std::int64_t pid = 0;
  std::span<const usher_pair> annotations;

  explicit OciState(const usher_oci_state& from)
      : runtime(view(from.runtime)),
        json(view(from.raw)),
        id(view(from.id)),
        status(view(from.status)),
        bundle(view(from.bundle)),
        root(view(from.root)),
        pid(from.pid),
        annotations(from.annotations, from.annotation_count) {}

  std::optional<std::string_view> annotation(std::string_view key) const {
    for (const auto& [name, value] : annotations) {
      if (view(name) == key) {
        return view(value);
      }
    }
    return std::nullopt;
  }
};

struct Event;
class Publication;

// The agent, as an adapter sees it: a copy is as good as the original until the adapter's end. Any
// thread.
class Host {
 public:
  explicit Host(const usher_host* host) : host_(host) {}

  void log(std::uint32_t level, std::string_view message) const {
    host_->log(host_->context, level, raw(message));
  }
  void set_health(std::uint32_t health, std::string_view reason) const {
    host_->set_health(host_->context, health, raw(reason));
  }
  // co_await it: goes on when the agent has done what the event asks (a gate: the container may
  // run); throws a Failure where it did not, with status USHER_BUSY or USHER_STOPPING where that is
  // why. One that awaits each event never sees USHER_BUSY.
  [[nodiscard]] Publication publish(Event event) const;
  // The raw call. Throws when the host does not take it.
  template <std::same_as<usher_event> Raw>
  void publish(const Raw& event, usher_done done = {}) const {
    std::string text(512, '\0');
    usher_error error{sizeof error, 0, text.data(), text.size(), 0};
    if (const auto status = host_->publish(host_->context, &event, done, &error);
        status != USHER_OK) {
      throw Failure(text.substr(0, error.length), status, error.code);
    }
  }
  // USHER_MINOR of the agent's header: what is since a later one, it refuses.
  std::uint32_t minor() const { return host_->minor; }
  // NULL where this agent does not offer it. Its functions take context().
  const usher_loop* loop() const {
    return static_cast<const usher_loop*>(host_->extension(host_->context, raw(USHER_EXT_LOOP)));
  }
  // Runs `body`; what it throws becomes a line of the log.
  template <class Body>
  void guard(Body&& body) const noexcept {
    std::string why(512, '\0');
    usher_error error{sizeof error, 0, why.data(), why.size(), 0};
    if (detail::guarded(&error, body) != USHER_OK) {
      log(USHER_LOG_ERROR, std::string_view(why).substr(0, error.length));
    }
  }
  const usher_host* table() const { return host_; }
  void* context() const { return host_->context; }

 private:
  const usher_host* host_;
};

// Where an installer says what it does.
class Report {
 public:
  explicit Report(const usher_install_sink& sink) : sink_(&sink) {}

  void step(std::uint32_t kind, std::string_view path, std::string_view what,
            std::string_view diff = {}) {
    const usher_install_step step{sizeof step, kind, raw(path), raw(what), raw(diff)};
    sink_->step(sink_->context, &step);
  }
  void problem(std::string_view sentence) {
    ++problems_;
    sink_->problem(sink_->context, raw(sentence));
  }
  std::size_t problems() const { return problems_; }

 private:
  const usher_install_sink* sink_;
  std::size_t problems_ = 0;
};

}  // namespace usher::plugin

#include "usher/plugin_guests.hpp"
#include "usher/plugin_loop.hpp"
#include "usher/plugin_publish.hpp"
#include "usher/plugin_thunks.hpp"
