// SPDX-License-Identifier: Apache-2.0
// What an adapter feeds the agent with: events that a coroutine can wait for; included by
// plugin.hpp.
#pragma once

#include <atomic>
#include <cerrno>
#include <coroutine>
#include <type_traits>

#include "usher/plugin.hpp"

namespace usher::plugin {

// As usher_event, with its own memory. plugin.h says which members each kind must hold.
struct Event {
  std::uint32_t kind = 0;  // USHER_EVENT_
  std::string runtime = {};
  Identity identity = {};  // not read with USHER_EVENT_SYNCED and USHER_EVENT_LISTING
  std::string cgroup_path = {};
  std::int64_t pid = 0;
};

// An event on its way, for `co_await` in any coroutine. The coroutine goes on where the answer
// comes: on the agent's loop, so it must not block there; or at once, where publish was refused. It
// must not be destroyed while it waits; the agent answers all that is open before it calls stop.
class Publication {
 public:
  Publication(const usher_host* host, Event event) : host_(host), event_(std::move(event)) {}
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  bool await_ready() const noexcept { return false; }

  bool await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    std::string text(512, '\0');
    usher_error error{sizeof error, 0, text.data(), text.size(), 0};
    {
      const bool bare = event_.kind == USHER_EVENT_SYNCED || event_.kind == USHER_EVENT_LISTING;
      const detail::RawIdentity identity(event_.identity);
      const usher_event form{sizeof form,
                             event_.kind,
                             raw(event_.runtime),
                             bare ? nullptr : identity.get(),
                             raw(event_.cgroup_path),
                             event_.pid};
      status_ = USHER_OK;
      const auto status = host_->publish(host_->context, &form, {&answered, this, 0}, &error);
      if (status != USHER_OK) {
        keep(status, &error);
        return false;  // nobody answers
      }
    }
    // Whoever comes second goes on with the coroutine: here, or in `answered` on another thread,
    // after which this object may be gone.
    return !met_.exchange(true, std::memory_order_acq_rel);
  }

  void await_resume() const {
    if (status_ != USHER_OK) {
      throw Failure(message_, status_, code_);
    }
  }

 private:
  void keep(std::int32_t status, const usher_error* error) {
    status_ = status;
    if (error != nullptr && error->size >= offsetof(usher_error, length) + sizeof error->length) {
      code_ = error->code;
      message_ = view({error->message, error->length});
    }
  }
  static void answered(void* context, std::uint64_t /*ticket*/, std::int32_t status,
                       const usher_error* error) noexcept {
    auto& self = *static_cast<Publication*>(context);
    self.keep(status, error);
    if (self.met_.exchange(true, std::memory_order_acq_rel)) {
      self.waiting_.resume();
    }
  }

  const usher_host* host_;
  Event event_;
  std::coroutine_handle<> waiting_;
  std::atomic<bool> met_ = false;
  std::int32_t status_ = USHER_OK;
  int code_ = 0;
  std::string message_;
};

inline Publication Host::publish(Event event) const {
  return {host_, std::move(event)};
}

// A coroutine that nobody waits for: `Flow feed(Host host)`. One of its parameters is the Host. It
// runs at once up to its first wait; what it throws is a line in the agent's log, but for what the
// agent's own stop throws into it.
class Flow {
 public:
  class promise_type {
   public:
    template <class... Parameters>
    explicit promise_type(Parameters&... parameters) : host_(find(parameters...)) {}

    Flow get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept {
      host_.guard([] {
        try {
          throw;
        } catch (const Failure& failure) {
          if (failure.status() != USHER_STOPPING && failure.code() != ECANCELED) {
            throw;
          }
        }
      });
    }

   private:
    template <class First, class... Rest>
    static Host find(First& first, Rest&... rest) {
      if constexpr (std::is_same_v<std::remove_cv_t<First>, Host>) {
        return first;
      } else {
        static_assert(sizeof...(Rest) != 0, "a Flow needs a Host among its parameters");
        return find(rest...);
      }
    }
    Host host_;
  };
};

}  // namespace usher::plugin
