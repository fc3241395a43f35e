// Host extension usher.loop/1 as the adapter calls it: from any thread, bounded.
#include <utility>

#include "adapter/bridge.hpp"

namespace usher::adapter {
namespace {

constexpr std::uint32_t kMaxWork = 4096;  // plugin.h promises it (usher_loop)

}  // namespace

const void* Bridge::extension(void* self, usher_string id) {
  static constexpr usher_loop kLoop = {sizeof kLoop, 0,          &loop_watch,
                                       &loop_timer,  &loop_post, &loop_cancel};
  Bridge& bridge = of(self);
  if (!bridge.may_call("extension")) {
    return nullptr;
  }
  const auto name = take_text(id, "an extension's id", 256);
  if (!name) {
    bridge.misbehaved(name.error());
    return nullptr;
  }
  if (*name == USHER_EXT_GUESTS) {
    return bridge.offers_guests_ ? guests_table() : nullptr;
  }
  return *name == USHER_EXT_LOOP ? &kLoop : nullptr;
}

std::int32_t Bridge::open_work(const usher_callback& callback, std::uint64_t* handle,
                               usher_error* error) {
  if (!may_call("usher.loop/1")) {
    write_error(error, stopping_error());
    return USHER_STOPPING;
  }
  if (callback.call == nullptr || handle == nullptr) {
    return refuse(error, {Count::null_members, "asked for a callback with a null pointer"});
  }
  if (++work_ > kMaxWork) {
    --work_;
    return busy(error, "it has too many watches, timers and posts open; one more is refused");
  }
  *handle = next_++;
  return USHER_OK;
}

std::int32_t Bridge::install(std::uint64_t handle, std::function<void()> place,
                             usher_error* error) {
  {
    const std::scoped_lock lock(mutex_);
    installing_.insert(handle);
  }
  const bool taken = run([this, handle, place = std::move(place)] {
    if (take_installing(handle) && !over_) {
      place();
    } else {
      --work_;
    }
  });
  if (!taken) {
    write_error(error, stopping_error());
  }
  return taken ? USHER_OK : USHER_STOPPING;
}

bool Bridge::take_installing(std::uint64_t handle) {
  const std::scoped_lock lock(mutex_);
  return installing_.erase(handle) != 0;
}

std::int32_t Bridge::loop_watch(void* self, std::int32_t fd, std::uint32_t events,
                                usher_callback callback, std::uint64_t* handle,
                                usher_error* error) {
  Bridge& bridge = of(self);
  if (events == 0 || (events & ~(USHER_READABLE | USHER_WRITABLE)) != 0) {
    return bridge.refuse(error,
                         {Count::bad_values, "asked to watch for neither readable nor writable"});
  }
  auto copy = pollable(fd);
  if (!copy) {
    write_error(error, copy.error());
    return USHER_FAILED;
  }
  if (const auto status = bridge.open_work(callback, handle, error); status != USHER_OK) {
    return status;
  }
  auto owned = std::make_shared<Fd>(std::move(*copy));
  return bridge.install(
      *handle,
      [&bridge, owned, events, callback, id = *handle] {
        bridge.watches_.watch(id, std::move(*owned), events, callback);
      },
      error);
}

std::int32_t Bridge::loop_timer(void* self, std::uint64_t delay_ns, usher_callback callback,
                                std::uint64_t* handle, usher_error* error) {
  Bridge& bridge = of(self);
  if (const auto status = bridge.open_work(callback, handle, error); status != USHER_OK) {
    return status;
  }
  return bridge.install(
      *handle,
      [&bridge, delay_ns, callback, id = *handle] {
        bridge.watches_.timer(id, delay_ns, callback);
      },
      error);
}

std::int32_t Bridge::loop_post(void* self, usher_callback callback, usher_error* error) {
  Bridge& bridge = of(self);
  std::uint64_t unused = 0;
  if (const auto status = bridge.open_work(callback, &unused, error); status != USHER_OK) {
    return status;
  }
  const bool taken = bridge.post([&bridge, callback] {
    --bridge.work_;
    if (!bridge.over_) {
      bridge.call_back("a posted callback", callback, 0);
    }
  });
  if (!taken) {
    write_error(error, stopping_error());
  }
  return taken ? USHER_OK : USHER_STOPPING;
}

void Bridge::call_back(const char* what, const usher_callback& callback, std::uint32_t events) {
  const auto since = std::chrono::steady_clock::now();
  callback.call(callback.context, events);
  warn_if_slow(*this, what, since);
}

void Bridge::loop_cancel(void* self, std::uint64_t handle) {
  Bridge& bridge = of(self);
  if (bridge.may_call("cancel")) {
    bridge.take_installing(handle);
    bridge.run([&bridge, handle] { bridge.watches_.cancel(handle); });
  }
}

}  // namespace usher::adapter
