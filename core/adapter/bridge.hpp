// Where an adapter's calls arrive: on any thread, checked, copied, and carried out on the loop.
// What breaks a rule of plugin.h is refused, counted and logged with the adapter's name.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "adapter/convert.hpp"
#include "adapter/counters.hpp"
#include "adapter/gate.hpp"
#include "adapter/host.hpp"
#include "adapter/loop_extension.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

// One adapter's. It is never freed: an adapter that breaks its word may call at any time to come.
// Once closed, every call is without effect but on the counters.
class Bridge {
 public:
  // All called on the loop.
  struct Hooks {
    Host::Sink sink;
    Host::Log log;
    std::function<void(std::uint32_t health, std::string reason)> health;
    GuestDesk* guests = nullptr;  // null: no usher.guests/1
    std::chrono::milliseconds gate_deadline{2000};
    // What a call on the loop may take before it is misbehaviour: it holds up the agent.
    std::chrono::milliseconds slow{100};
  };
  using Identified = std::function<void(Result<identity::Identity>)>;
  using Done = std::function<void(Result<>)>;

  // Events may carry `runtimes` and no other.
  static Bridge& create(asio::io_context& loop, std::string name, std::vector<std::string> runtimes,
                        Hooks hooks);
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  ~Bridge();

  const usher_host* table() const { return &table_; }
  Counters& counters() { return counters_; }
  // [loop]
  std::chrono::milliseconds slow() const { return hooks_.slow; }

  // [loop] The adapter's life, in this order; a later step may come without those before.
  void allow_publishing();  // start is about to be called
  // Answers every open event with a failure and takes no further one. `stopped` is what stop gets.
  usher_done begin_stop(Done stopped);
  void begin_destroy();  // destroy is about to be called, and may call
  void end();            // it returned: no callback of watches and timers any more
  void abandon();        // it did not stop in time, or never will: as end, and it may still call
  void close();          // the host goes: nothing of it may be used any more

  // [loop] A question's answer arrives at `then` on the loop, at most once, never from within this
  // call. `forget` it when nobody waits any more.
  usher_identified expect_identity(Identified then);
  void forget(std::uint64_t ticket);
  // [loop] False from the moment on at which it is asked to stop.
  bool may_be_asked();

  // [any] Counts, and says so in the log.
  void misbehaved(const Misuse& misuse);

 private:
  // In this order.
  enum class Phase : std::uint8_t { created, started, stopping, stopped, destroying, gone };

  Bridge(asio::io_context& loop, std::string name, std::vector<std::string> runtimes, Hooks hooks);

  // The tables' functions.
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
  static std::int32_t guests_claim(void* self, const usher_guest_claim* claim,
                                   usher_guest_granted answer, usher_error* error);
  static void guests_report(void* self, usher_string sandbox_id, usher_string container_id,
                            std::uint32_t stage);
  static void guests_session(void* self, usher_string sandbox_id,
                             const usher_guest_session* session);
  static void guests_told(void* self, usher_string sandbox_id, usher_string event);
  static void guests_warn(void* self, std::uint32_t level, usher_string sandbox_id,
                          usher_string container_id, usher_string type, usher_string message);
  static const usher_guests* guests_table();
  // The desk, where this may be called now: on the loop, by an adapter that runs.
  GuestDesk* desk(std::string_view call);

  static Bridge& of(void* self) { return *static_cast<Bridge*>(self); }
  std::int32_t refuse(usher_error* to, const Misuse& misuse);
  std::int32_t busy(usher_error* to, std::string what);
  // False, and counted, where the adapter has said that it calls no more.
  bool may_call(std::string_view what);
  // False when closed: `work` is dropped.
  bool post(std::function<void()> work);
  // At once on the loop's thread, also before and after the loop runs: a cancel must hold when it
  // returns. Else posted.
  bool run(std::function<void()> work);

  std::int32_t enqueue(AdapterEvent event, usher_done done, usher_error* error);
  void deliver(AdapterEvent event, const std::shared_ptr<Gate>& gate);
  void arm_deadline(std::uint64_t id, const std::shared_ptr<Gate>& gate, const std::string& name);
  void end_publishing();
  void end_questions();
  void unexpected_answer(std::uint64_t ticket);
  void tell_health();
  // An opening of usher.loop/1, which counts until it is over: the handle, or a refusal's status.
  std::int32_t open_work(const usher_callback& callback, std::uint64_t* handle, usher_error* error);
  // Puts a watch or timer in place on the loop, unless it is cancelled on the way.
  std::int32_t install(std::uint64_t handle, std::function<void()> place, usher_error* error);
  bool take_installing(std::uint64_t handle);
  // [loop] Timed.
  void call_back(const char* what, const usher_callback& callback, std::uint32_t events);

  const std::string name_;
  const std::vector<std::string> runtimes_;
  Hooks hooks_;  // empty once closed; [loop]
  const bool offers_guests_;
  const std::thread::id main_ = std::this_thread::get_id();  // the loop's, also before it runs
  usher_host table_;
  Counters counters_;
  Load load_;
  std::atomic<std::uint64_t> next_ = 1;   // tickets and handles
  std::atomic<std::uint32_t> lines_ = 0;  // posted and not written yet
  std::atomic<std::uint32_t> work_ = 0;   // open watches, timers and posts

  std::mutex mutex_;        // of the next seven
  asio::io_context* loop_;  // null once closed; written on the loop only
  Phase phase_ = Phase::created;
  std::thread::id destroyer_;
  std::uint64_t stop_ticket_ = 0;
  std::vector<std::weak_ptr<Gate>> gates_;
  std::set<std::uint64_t> installing_;  // handles on their way to the loop, not cancelled
  std::optional<std::pair<std::uint32_t, std::string>> health_;  // said and not told yet

  // [loop]
  Watches watches_;
  std::map<std::uint64_t, Identified> questions_;
  std::set<std::uint64_t> late_;  // questions that met their deadline
  Done stopped_;
  std::map<std::uint64_t, asio::steady_timer> deadlines_;  // of gates
  bool over_ = false;                                      // callbacks no more
};

// Counts and logs a call on the loop that took longer than Hooks::slow.
void warn_if_slow(Bridge& bridge, const char* call, std::chrono::steady_clock::time_point since);

// For what an adapter may still point to when it should not: kept as long as the process.
void keep_for_ever(std::shared_ptr<void> what);

}  // namespace usher::adapter
