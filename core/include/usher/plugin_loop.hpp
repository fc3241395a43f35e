// SPDX-License-Identifier: Apache-2.0
// The agent's loop, so that an adapter needs no thread; included by plugin.hpp.
#pragma once

#include <chrono>
#include <functional>

#include "usher/plugin.hpp"

namespace usher::plugin {

namespace detail {

inline const usher_loop& loop_of(const Host& host) {
  const usher_loop* loop = host.loop();
  if (loop == nullptr) {
    throw Failure("this agent offers no " USHER_EXT_LOOP "; update usherd");
  }
  return *loop;
}

// Calls `open(loop, error)`; throws where it fails.
template <class Open>
void opened(const Host& host, Open&& open) {
  std::string text(512, '\0');
  usher_error error{sizeof error, 0, text.data(), text.size(), 0};
  if (const auto status = open(loop_of(host), &error); status != USHER_OK) {
    throw Failure(text.substr(0, error.length), status, error.code);
  }
}

// What a callback needs; it lives on while one of its own calls runs.
template <class Function>
struct Callback : std::enable_shared_from_this<Callback<Function>> {
  Callback(Host host_in, Function function_in) : host(host_in), function(std::move(function_in)) {}
  Host host;
  Function function;
  std::uint64_t handle = 0;

  void cancel() const noexcept {
    if (const usher_loop* loop = host.loop(); loop != nullptr) {
      loop->cancel(host.context(), handle);
    }
  }
};

}  // namespace detail

// Calls `ready` with USHER_READABLE or USHER_WRITABLE as long as fd is so, until this object ends.
// [main], as all of it: made, ended and called on the loop.
class Watch {
 public:
  Watch() = default;
  Watch(Host host, int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready)
      : callback_(std::make_shared<Body>(host, std::move(ready))) {
    const auto call = [](void* context, std::uint32_t event) {
      const auto body = static_cast<Body*>(context)->shared_from_this();
      body->host.guard([&] { body->function(event); });
    };
    detail::opened(host, [&](const usher_loop& loop, usher_error* error) {
      return loop.watch(host.context(), fd, events, {call, callback_.get()}, &callback_->handle,
                        error);
    });
  }
  Watch(Watch&&) = default;
  Watch& operator=(Watch&& other) noexcept {
    std::swap(callback_, other.callback_);
    return *this;
  }
  ~Watch() {
    if (callback_ != nullptr) {
      callback_->cancel();
    }
  }

 private:
  using Body = detail::Callback<std::function<void(std::uint32_t)>>;
  std::shared_ptr<Body> callback_;
};

// Calls `due` once, after `delay`, unless this object ends before. [main], as Watch.
class Timer {
 public:
  Timer() = default;
  Timer(Host host, std::chrono::nanoseconds delay, std::function<void()> due)
      : callback_(std::make_shared<Body>(host, std::move(due))) {
    const auto call = [](void* context, std::uint32_t) {
      const auto body = static_cast<Body*>(context)->shared_from_this();
      body->host.guard([&] { body->function(); });
    };
    const auto wait = static_cast<std::uint64_t>(std::max<std::int64_t>(delay.count(), 0));
    detail::opened(host, [&](const usher_loop& loop, usher_error* error) {
      return loop.timer(host.context(), wait, {call, callback_.get()}, &callback_->handle, error);
    });
  }
  Timer(Timer&&) = default;
  Timer& operator=(Timer&& other) noexcept {
    std::swap(callback_, other.callback_);
    return *this;
  }
  ~Timer() {
    if (callback_ != nullptr) {
      callback_->cancel();
    }
  }

 private:
  using Body = detail::Callback<std::function<void()>>;
  std::shared_ptr<Body> callback_;
};

}  // namespace usher::plugin
