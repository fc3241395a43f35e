// Where an adapter's calls arrive: on any thread, copied, and carried out on the loop.
#pragma once

#include <asio/io_context.hpp>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapter/host.hpp"
#include "adapter/loop_extension.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

// One adapter's. Must live as long as the adapter may call: until its destroy returned, and for
// ever where it did not stop. Once closed, every call is without effect.
class Bridge : public std::enable_shared_from_this<Bridge> {
 public:
  // All called on the loop.
  struct Hooks {
    Host::Sink sink;
    Host::Log log;
    std::function<void(std::uint32_t health, std::string reason)> health;
    std::function<bool(std::string_view runtime)> serves;
  };
  using Identified = std::function<void(Result<identity::Identity>)>;
  using Done = std::function<void(Result<>)>;

  Bridge(asio::io_context& loop, std::string name, Hooks hooks);
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  ~Bridge();

  const usher_host* table() const { return &table_; }

  // [loop] A question's answer arrives at `then` on the loop, at most once, never from within this
  // call. `forget` it when nobody waits any more.
  usher_identified expect_identity(Identified then);
  usher_done expect_done(Done then);
  void forget(std::uint64_t ticket);

  // [loop] Answers every gate that is still open with a failure and takes no further event.
  void end_publishing();

  // [loop] Ends watches and timers; nothing that the adapter says has an effect from now on.
  void close();

  // For an adapter that did not stop: it may call at any time to come.
  void keep_for_ever() { self_ = shared_from_this(); }

 private:
  class Gate;

  static std::int32_t publish(void* self, const usher_event* event, usher_done done,
                              usher_error* error);
  static void log(void* self, std::uint32_t level, usher_string message);
  static void set_health(void* self, std::uint32_t health, usher_string reason);
  static const void* extension(void* self, usher_string id);
  static void identified(void* self, std::uint64_t ticket, const usher_identity* identity,
                         const usher_error* error);
  static void done(void* self, std::uint64_t ticket, std::int32_t status, const usher_error* error);

  static std::int32_t loop_watch(void* self, std::int32_t fd, std::uint32_t events,
                                 usher_callback callback, std::uint64_t* handle,
                                 usher_error* error);
  static std::int32_t loop_timer(void* self, std::uint64_t delay_ns, usher_callback callback,
                                 std::uint64_t* handle, usher_error* error);
  static std::int32_t loop_post(void* self, usher_callback callback, usher_error* error);
  static void loop_cancel(void* self, std::uint64_t handle);

  static Bridge& of(void* self) { return *static_cast<Bridge*>(self); }
  Result<> accept(const usher_event& from, usher_done done);
  bool admit(const std::shared_ptr<Gate>& gate);
  void deliver(AdapterEvent event, const std::shared_ptr<Gate>& gate);
  // False when closed: `work` is dropped.
  bool post(std::function<void()> work);
  // At once where this is the loop's thread, else posted.
  bool run(std::function<void()> work);
  void unexpected_answer(std::uint64_t ticket);

  const std::string name_;
  const Hooks hooks_;
  usher_host table_;
  std::atomic<std::uint64_t> next_ = 1;  // tickets and handles

  std::mutex mutex_;        // of the next three
  asio::io_context* loop_;  // null once closed; written on the loop only
  bool publishing_ = true;
  std::vector<std::weak_ptr<Gate>> gates_;

  std::shared_ptr<Bridge> self_;
  Watches watches_;
  std::map<std::uint64_t, Identified> questions_;
  std::map<std::uint64_t, Done> endings_;
};

}  // namespace usher::adapter
