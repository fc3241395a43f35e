// Events on their way from an adapter to the agent: bounded, in order, each answered once.
#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "adapter/bridge.hpp"
#include "base/escape.hpp"

namespace usher::adapter {
namespace {

// plugin.h promises these (usher_host.publish).
constexpr std::uint32_t kMaxEvents = 1024;
constexpr std::uint64_t kMaxBytes = 16U << 20;

// The runtime waits for the answer, and its container must not run without. The gate of one in
// another kernel is its claim.
bool is_gate(const AdapterEvent& event) {
  return event.kind == AdapterEvent::Kind::container_starting && !event.identity.guest;
}

std::string name_of_start(const AdapterEvent& event) {
  const auto& who = event.identity;
  const bool of_sandbox = event.kind == AdapterEvent::Kind::sandbox_starting;
  const auto& id = of_sandbox && !who.sandbox_id.empty() ? who.sandbox_id : who.container_id;
  return (of_sandbox ? "sandbox " : "container ") + escape(id.substr(0, 64));
}

}  // namespace

std::int32_t Bridge::publish(void* self, const usher_event* event, usher_done done,
                             usher_error* error) {
  Bridge& bridge = of(self);
  if (!bridge.may_call("publish")) {
    write_error(error, stopping_error());
    return USHER_STOPPING;
  }
  // Before the copy, so that a flood costs no memory.
  if (bridge.load_.events >= kMaxEvents || bridge.load_.bytes >= kMaxBytes) {
    return bridge.busy(error, "its events come faster than they are taken; the rest is refused");
  }
  auto taken = event_of(event);
  if (!taken) {
    return bridge.refuse(error, taken.error());
  }
  if (is_gate(*taken) && done.call == nullptr) {
    return bridge.refuse(error, {Count::null_members, "published a gate without done"});
  }
  if (std::ranges::find(bridge.runtimes_, taken->runtime) == bridge.runtimes_.end()) {
    return bridge.refuse(
        error, {Count::bad_values, "published an event of runtime \"" + escape(taken->runtime) +
                                       "\", which it does not name as its own"});
  }
  taken->adapter = bridge.name_;
  return bridge.enqueue(std::move(*taken), done, error);
}

std::int32_t Bridge::enqueue(AdapterEvent event, usher_done done, usher_error* error) {
  const bool waited_for = is_gate(event);
  const auto gate = std::make_shared<Gate>(done, load_, weight_of(event));
  bool early = false;
  {
    const std::scoped_lock lock(mutex_);
    early = phase_ == Phase::created;
    if (loop_ != nullptr && phase_ == Phase::started) {
      std::erase_if(gates_, [](const auto& old) { return old.expired(); });
      gates_.push_back(gate);
      counters_.add(Count::events);
      if (waited_for) {
        counters_.add(Count::gates);
      }
      asio::post(*loop_, [this, gate, event = std::move(event)]() mutable {
        if (loop_ != nullptr) {
          deliver(std::move(event), gate);
        }
      });
      return USHER_OK;
    }
  }
  gate->disarm();
  if (early) {
    return refuse(error, {Count::bad_values, "published before start was called"});
  }
  write_error(error, stopping_error());
  return USHER_STOPPING;
}

void Bridge::deliver(AdapterEvent event, const std::shared_ptr<Gate>& gate) {
  if (gate->answered()) {  // the agent is stopping
    return;
  }
  if (!gate->asked()) {
    hooks_.sink(std::move(event));
    gate->answer({});
    return;
  }
  // The runtime waits for a start only; what adopts may take its time.
  const std::uint64_t id = next_++;
  if (is_gate(event) || event.kind == AdapterEvent::Kind::sandbox_starting) {
    arm_deadline(id, gate, name_of_start(event));
  }
  event.done = [this, id, gate](const Result<>& result) {
    deadlines_.erase(id);
    const auto since = std::chrono::steady_clock::now();
    gate->answer(result);
    warn_if_slow(*this, "done", since);
  };
  hooks_.sink(std::move(event));
}

void Bridge::arm_deadline(std::uint64_t id, const std::shared_ptr<Gate>& gate,
                          const std::string& name) {
  auto& timer = deadlines_.emplace(id, asio::steady_timer(*loop_)).first->second;
  timer.expires_after(hooks_.gate_deadline);
  timer.async_wait([this, id, name, weak = std::weak_ptr(gate)](const std::error_code& cancelled) {
    const auto open = weak.lock();
    if (cancelled || loop_ == nullptr) {
      return;
    }
    deadlines_.erase(id);
    const std::string why = "the agent did not decide on " + name + " within " +
                            std::to_string(hooks_.gate_deadline.count()) + " ms: it is refused";
    const auto since = std::chrono::steady_clock::now();
    const bool in_time = !open || !open->answer(fail(why, ETIMEDOUT));
    warn_if_slow(*this, "done", since);
    if (!in_time) {
      counters_.add(Count::gates_timed_out);
      hooks_.log(USHER_LOG_WARNING, name_, why);
    }
  });
}

void Bridge::end_publishing() {
  std::vector<std::weak_ptr<Gate>> open;
  {
    const std::scoped_lock lock(mutex_);
    open.swap(gates_);
  }
  deadlines_.clear();
  for (const auto& weak : open) {
    if (const auto gate = weak.lock()) {
      gate->answer(std::unexpected(stopping_error()));
    }
  }
}

}  // namespace usher::adapter
