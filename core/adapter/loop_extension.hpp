// Host extension usher.loop/1 for one adapter: its watches and timers on the agent's loop.
#pragma once

#include <asio/io_context.hpp>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

// Used on the loop only; the thread crossing is Bridge's.
class Watches {
 public:
  // How the adapter is called back; `what` names the kind of callback for people.
  using Call =
      std::function<void(const char* what, const usher_callback& callback, std::uint32_t events)>;

  // `open` is lowered by one for each watch and timer that is over.
  Watches(asio::io_context& loop, std::atomic<std::uint32_t>& open, Call call)
      : loop_(loop), open_(open), call_(std::move(call)) {}
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;
  ~Watches() { clear(); }

  void watch(std::uint64_t handle, Fd fd, std::uint32_t events, usher_callback callback);
  void timer(std::uint64_t handle, std::uint64_t delay_ns, usher_callback callback);
  void cancel(std::uint64_t handle);
  void clear();

 private:
  struct Armed;
  void arm(const std::shared_ptr<Armed>& armed, std::uint32_t event);

  asio::io_context& loop_;
  std::atomic<std::uint32_t>& open_;
  Call call_;
  std::map<std::uint64_t, std::shared_ptr<Armed>> armed_;
};

// A duplicate of `fd` that the loop can wait for; files and directories are errors.
Result<Fd> pollable(int fd);

}  // namespace usher::adapter
