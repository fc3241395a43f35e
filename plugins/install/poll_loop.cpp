#include "install/poll_loop.hpp"

#include <poll.h>

#include <algorithm>
#include <vector>

namespace usher::install {
namespace {

PollLoop& of(void* self) {
  return *static_cast<PollLoop*>(self);
}

short poll_events(std::uint32_t events) {
  return static_cast<short>(((events & USHER_READABLE) != 0 ? POLLIN : 0) |
                            ((events & USHER_WRITABLE) != 0 ? POLLOUT : 0));
}

}  // namespace

PollLoop::PollLoop()
    : table_{sizeof(usher_loop),
             0,
             [](void* self, std::int32_t fd, std::uint32_t events, usher_callback callback,
                std::uint64_t* handle, usher_error*) -> std::int32_t {
               auto& loop = of(self);
               *handle = ++loop.last_;
               loop.watches_[*handle] = {fd, events, callback};
               return USHER_OK;
             },
             [](void* self, std::uint64_t delay_ns, usher_callback callback, std::uint64_t* handle,
                usher_error*) -> std::int32_t {
               auto& loop = of(self);
               *handle = ++loop.last_;
               loop.timers_[*handle] = {
                   Clock::now() + std::chrono::nanoseconds(static_cast<std::int64_t>(delay_ns)),
                   callback};
               return USHER_OK;
             },
             [](void* self, usher_callback callback, usher_error*) -> std::int32_t {
               auto& loop = of(self);
               loop.timers_[++loop.last_] = {Clock::now(), callback};
               return USHER_OK;
             },
             [](void* self, std::uint64_t handle) {
               of(self).watches_.erase(handle);
               of(self).timers_.erase(handle);
             }} {}

void PollLoop::run(const std::function<bool()>& done, Clock::time_point until) {
  while (!done() && !(watches_.empty() && timers_.empty()) && Clock::now() < until) {
    wait(until);
    run_timers();
  }
}

void PollLoop::run_timers() {
  const auto now = Clock::now();
  std::vector<std::uint64_t> due;
  for (const auto& [handle, timer] : timers_) {
    if (timer.at <= now) {
      due.push_back(handle);
    }
  }
  for (const auto handle : due) {
    // One before it may have cancelled it.
    if (const auto node = timers_.extract(handle)) {
      node.mapped().callback.call(node.mapped().callback.context, 0);
    }
  }
}

void PollLoop::wait(Clock::time_point until) {
  for (const auto& [handle, timer] : timers_) {
    until = std::min(until, timer.at);
  }
  std::vector<std::uint64_t> handles;
  std::vector<pollfd> fds;
  for (const auto& [handle, watch] : watches_) {
    handles.push_back(handle);
    fds.push_back({watch.fd, poll_events(watch.events), 0});
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  if (::poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) {
    return;
  }
  for (std::size_t i = 0; i < fds.size(); ++i) {
    const auto found = watches_.find(handles[i]);
    if (fds[i].revents == 0 || found == watches_.end()) {
      continue;
    }
    const auto callback = found->second.callback;
    const bool writable = (fds[i].revents & POLLOUT) != 0;
    const bool readable = (fds[i].revents & ~POLLOUT) != 0;
    callback.call(callback.context,
                  (readable ? USHER_READABLE : 0U) | (writable ? USHER_WRITABLE : 0U));
  }
}

}  // namespace usher::install
