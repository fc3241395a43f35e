// Stands for the agent towards what an adapter is made of: the same watches and timers on a loop of
// its own, and a list of what was published.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "adapter/convert.hpp"
#include "adapter/loop_extension.hpp"
#include "cri/loop.hpp"
#include "usher/plugin.hpp"

namespace usher::test {

class LoopHost {
 public:
  struct Published {
    std::uint32_t kind;
    std::string runtime;
    identity::Identity who;
    std::int64_t pid;
    std::string cgroup_path;
  };
  std::vector<Published> published;
  std::vector<usher_done> asked;  // what was published with a `done`, in order; a test answers it
  std::vector<std::string> healths;  // "1 reason"
  std::vector<std::string> logged;
  int busy = 0;  // so many publishes are refused with "no room"
  asio::io_context context{1};

  LoopHost() = default;
  LoopHost(const LoopHost&) = delete;
  LoopHost& operator=(const LoopHost&) = delete;

  plugin::Host host() { return plugin::Host(&table_); }
  cri::Loop loop() { return {&loop_, this}; }
  // Which header this host was built with, as far as the adapter can tell.
  void speak(std::uint32_t minor) { table_.minor = minor; }
  // Runs the loop until `done` holds or nothing is left to wait for.
  void run_until(const std::function<bool()>& done) {
    context.restart();
    while (!done() && context.run_one() != 0) {
    }
  }

 private:
  static LoopHost& of(void* self) { return *static_cast<LoopHost*>(self); }

  static std::int32_t publish(void* self, const usher_event* event, usher_done done, usher_error*) {
    if (of(self).busy > 0) {
      --of(self).busy;
      return USHER_BUSY;
    }
    identity::Identity who;
    if (event->identity != nullptr) {
      auto read = adapter::identity_of(event->identity);
      if (!read) {
        return USHER_INVALID;
      }
      who = std::move(*read);
    }
    of(self).published.push_back({event->kind, std::string(plugin::view(event->runtime)),
                                  std::move(who), event->pid,
                                  std::string(plugin::view(event->cgroup_path))});
    if (done.call != nullptr) {
      of(self).asked.push_back(done);
    }
    return USHER_OK;
  }
  static void log(void* self, std::uint32_t, usher_string message) {
    of(self).logged.push_back(std::string(plugin::view(message)));
  }
  static void set_health(void* self, std::uint32_t health, usher_string reason) {
    of(self).healths.push_back(std::to_string(health) + " " + std::string(plugin::view(reason)));
  }
  static const void* extension(void* self, usher_string id) {
    return plugin::view(id) == USHER_EXT_LOOP ? &of(self).loop_ : nullptr;
  }
  static std::int32_t watch(void* self, std::int32_t fd, std::uint32_t events,
                            usher_callback callback, std::uint64_t* handle, usher_error*) {
    auto copy = adapter::pollable(fd);
    if (!copy) {
      return USHER_FAILED;
    }
    *handle = ++of(self).next_;
    of(self).watches_.watch(*handle, std::move(*copy), events, callback);
    return USHER_OK;
  }
  static std::int32_t timer(void* self, std::uint64_t delay_ns, usher_callback callback,
                            std::uint64_t* handle, usher_error*) {
    *handle = ++of(self).next_;
    of(self).watches_.timer(*handle, delay_ns, callback);
    return USHER_OK;
  }
  static void cancel(void* self, std::uint64_t handle) { of(self).watches_.cancel(handle); }

  std::uint64_t next_ = 0;
  std::atomic<std::uint32_t> open_ = 0;
  adapter::Watches watches_{context, open_,
                            [](const char*, const usher_callback& callback, std::uint32_t events) {
                              callback.call(callback.context, events);
                            }};
  usher_loop loop_{sizeof(usher_loop), 0, &watch, &timer, nullptr, &cancel};
  usher_host table_{sizeof(usher_host), 0, this, &publish, &log, &set_health, &extension};
};

}  // namespace usher::test
