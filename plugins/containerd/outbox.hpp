// Events on their way to the agent, in their order, where nobody waits for their answers. It leaves
// room for the gates, which pass it by: what is more waits here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "cri/loop.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

// [main]
class Outbox {
 public:
  // A node's 1,000 pods with a few containers each fit many times.
  static constexpr std::size_t kMaxWaiting = 65'536;
  // With the agent at a time, which takes 1,024 of an adapter.
  static constexpr std::size_t kMaxOpen = 256;

  Outbox(plugin::Host host, cri::Loop loop) : host_(host), loop_(loop) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // What is beyond kMaxWaiting is dropped with a line in the log.
  void put(plugin::Event event);
  // Forgets what waits.
  void clear() { waiting_.clear(); }
  // Nothing is published from now on. Everything that was is answered before this is destroyed.
  void stop();

 private:
  void send();
  bool publish(const plugin::Event& event);
  static void answered(void* self, std::uint64_t, std::int32_t, const usher_error*);

  plugin::Host host_;
  cri::Loop loop_;
  std::deque<plugin::Event> waiting_;
  std::atomic<std::size_t> open_ = 0;  // answers may come on any thread
  cri::Registration pause_;
  bool stopped_ = false;
};

}  // namespace usher::containerd
