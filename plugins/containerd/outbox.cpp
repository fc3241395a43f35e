#include "containerd/outbox.hpp"

#include <chrono>
#include <utility>

#include "base/escape.hpp"

namespace usher::containerd {
namespace {

constexpr std::chrono::milliseconds kBusyPause{20};

}  // namespace

void Outbox::put(plugin::Event event) {
  if (stopped_) {
    return;
  }
  if (waiting_.size() >= kMaxWaiting) {
    host_.log(USHER_LOG_ERROR, "the agent takes no events: one of " +
                                   escape(event.identity.container_id) + " is dropped");
    return;
  }
  waiting_.push_back(std::move(event));
  if (!pause_) {
    send();
  }
}

void Outbox::stop() {
  stopped_ = true;
  waiting_.clear();
  pause_.cancel();
}

void Outbox::send() {
  while (!waiting_.empty()) {
    if (!publish(waiting_.front())) {
      auto pause = loop_.timer(kBusyPause, [this](std::uint32_t) {
        pause_.cancel();
        send();
      });
      if (pause) {
        pause_ = std::move(*pause);
      } else {
        stop();  // the host is stopping
      }
      return;
    }
    waiting_.pop_front();
  }
}

void Outbox::answered(void* self, std::uint64_t, std::int32_t, const usher_error*) {
  --static_cast<Outbox*>(self)->open_;
}

// False where the agent has no room now.
bool Outbox::publish(const plugin::Event& event) {
  if (open_ >= kMaxOpen) {
    return false;
  }
  const bool bare = event.kind == USHER_EVENT_SYNCED || event.kind == USHER_EVENT_LISTING;
  const plugin::detail::RawIdentity identity(event.identity);
  const usher_event form{sizeof form,
                         event.kind,
                         plugin::raw(event.runtime),
                         bare ? nullptr : identity.get(),
                         plugin::raw(event.cgroup_path),
                         event.pid};
  ++open_;
  try {
    host_.publish(form, {&answered, this, 0});
  } catch (const plugin::Failure& failure) {
    --open_;
    if (failure.status() == USHER_BUSY) {
      return false;
    }
    if (failure.status() != USHER_STOPPING) {
      host_.log(USHER_LOG_ERROR, "the agent does not take what containerd tells of " +
                                     escape(event.identity.container_id) + ": " + failure.what());
    }
  }
  return true;
}

}  // namespace usher::containerd
