// A bridge's life, and what the adapter says of itself.
#include "adapter/bridge.hpp"

#include <asio/post.hpp>
#include <utility>

#include "base/escape.hpp"

namespace usher::adapter {
namespace {

// Lines that wait to be written; chatter leaves room for warnings and errors.
constexpr std::uint32_t kMaxLines = 256;
constexpr std::uint32_t kMaxGraveLines = 512;

}  // namespace

// The one thing of the process's own here: adapters are never unloaded, so what they may still call
// or write to must never go either.
void keep_for_ever(std::shared_ptr<void> what) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::shared_ptr<void>>;
  const std::scoped_lock lock(mutex);
  kept.push_back(std::move(what));
}

Bridge::Bridge(asio::io_context& loop, std::string name, std::vector<std::string> runtimes,
               Hooks hooks)
    : name_(std::move(name)),
      runtimes_(std::move(runtimes)),
      hooks_(std::move(hooks)),
      offers_guests_(hooks_.guests != nullptr),
      table_{sizeof table_, USHER_MINOR, this, &publish, &log, &set_health, &extension},
      loop_(&loop),
      watches_(loop, work_,
               [this](const char* what, const usher_callback& callback, std::uint32_t events) {
                 call_back(what, callback, events);
               }) {}

Bridge::~Bridge() = default;

void warn_if_slow(Bridge& bridge, const char* call, std::chrono::steady_clock::time_point since) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - since);
  if (took > bridge.slow()) {
    bridge.misbehaved({Count::slow_calls, "held up the agent in " + std::string(call) + " for " +
                                              std::to_string(took.count()) + " ms"});
  }
}

Bridge& Bridge::create(asio::io_context& loop, std::string name, std::vector<std::string> runtimes,
                       Hooks hooks) {
  const std::shared_ptr<Bridge> bridge(
      new Bridge(loop, std::move(name), std::move(runtimes), std::move(hooks)));
  keep_for_ever(bridge);
  return *bridge;
}

bool Bridge::post(std::function<void()> work) {
  const std::scoped_lock lock(mutex_);
  if (loop_ == nullptr) {
    return false;
  }
  asio::post(*loop_, [this, work = std::move(work)] {
    if (loop_ != nullptr) {  // written on this thread only
      work();
    }
  });
  return true;
}

bool Bridge::run(std::function<void()> work) {
  {
    const std::scoped_lock lock(mutex_);
    if (loop_ == nullptr) {
      return false;
    }
    if (main_ != std::this_thread::get_id()) {
      asio::post(*loop_, [this, work = std::move(work)] {
        if (loop_ != nullptr) {
          work();
        }
      });
      return true;
    }
  }
  work();
  return true;
}

// ---- life ----

void Bridge::allow_publishing() {
  const std::scoped_lock lock(mutex_);
  phase_ = Phase::started;
}

usher_done Bridge::begin_stop(Done stopped) {
  const std::uint64_t ticket = next_++;
  {
    const std::scoped_lock lock(mutex_);
    phase_ = Phase::stopping;
    stop_ticket_ = ticket;
  }
  end_publishing();
  stopped_ = std::move(stopped);
  return {&done, this, ticket};
}

void Bridge::begin_destroy() {
  {
    const std::scoped_lock lock(mutex_);
    phase_ = Phase::destroying;
    destroyer_ = std::this_thread::get_id();
  }
  end_publishing();
  over_ = true;
  watches_.clear();
}

void Bridge::end() {
  {
    const std::scoped_lock lock(mutex_);
    phase_ = Phase::gone;
  }
  abandon();
}

void Bridge::abandon() {
  end_publishing();
  over_ = true;
  watches_.clear();
  end_questions();
  stopped_ = {};
}

void Bridge::close() {
  abandon();
  hooks_ = {};
  const std::scoped_lock lock(mutex_);
  loop_ = nullptr;
}

bool Bridge::may_call(std::string_view what) {
  {
    const std::scoped_lock lock(mutex_);
    const bool in_destroy = phase_ == Phase::destroying && destroyer_ == std::this_thread::get_id();
    if (phase_ < Phase::stopped || in_destroy) {
      return true;
    }
  }
  misbehaved({Count::calls_after_stop, "called " + std::string(what) + " after it said stopped"});
  return false;
}

void Bridge::misbehaved(const Misuse& misuse) {
  const auto nth = counters_.add(misuse.kind);
  if (!worth_a_line(nth)) {
    return;
  }
  std::string line = "it " + misuse.what;
  if (nth > 1) {
    line += " (" + std::string(name_of(misuse.kind)) + ": " + std::to_string(nth) + " so far)";
  }
  post([this, line = std::move(line)] { hooks_.log(USHER_LOG_ERROR, name_, line); });
}

std::int32_t Bridge::refuse(usher_error* to, const Misuse& misuse) {
  misbehaved(misuse);
  write_error(to, {"the adapter " + misuse.what, EINVAL});
  return USHER_INVALID;
}

std::int32_t Bridge::busy(usher_error* to, std::string what) {
  if (const auto nth = counters_.add(Count::refused_busy); worth_a_line(nth)) {
    post([this, what, nth] {
      hooks_.log(USHER_LOG_WARNING, name_, what + " (" + std::to_string(nth) + " so far)");
    });
  }
  write_error(to, {std::move(what), EAGAIN});
  return USHER_BUSY;
}

// ---- what the adapter says of itself ----

void Bridge::log(void* self, std::uint32_t level, usher_string message) {
  Bridge& bridge = of(self);
  if (!bridge.may_call("log")) {
    return;
  }
  const auto text = take_words(message, "a log line");
  if (!text || level < USHER_LOG_DEBUG || level > USHER_LOG_ERROR) {
    bridge.misbehaved(text ? Misuse{Count::bad_values,
                                    "logged at level " + std::to_string(level) + ", which is none"}
                           : text.error());
    return;
  }
  if (bridge.lines_ >= (level < USHER_LOG_WARNING ? kMaxLines : kMaxGraveLines)) {
    bridge.counters_.add(Count::log_lines_dropped);
    return;
  }
  ++bridge.lines_;
  bridge.post([&bridge, level, line = shown(*text)] {
    --bridge.lines_;
    bridge.hooks_.log(static_cast<int>(level), bridge.name_, line);
  });
}

void Bridge::set_health(void* self, std::uint32_t health, usher_string reason) {
  Bridge& bridge = of(self);
  if (!bridge.may_call("set_health")) {
    return;
  }
  const auto text = take_words(reason, "a health reason");
  if (!text || health < USHER_HEALTHY || health > USHER_UNHEALTHY) {
    bridge.misbehaved(text ? Misuse{Count::bad_values,
                                    "said health " + std::to_string(health) + ", which is none"}
                           : text.error());
    return;
  }
  {
    const std::scoped_lock lock(bridge.mutex_);
    const bool waits = bridge.health_.has_value();
    bridge.health_.emplace(health, shown(*text));
    if (waits) {
      return;  // the last word counts, and somebody is on the way to tell it
    }
  }
  bridge.post([&bridge] { bridge.tell_health(); });
}

void Bridge::tell_health() {
  std::optional<std::pair<std::uint32_t, std::string>> said;
  {
    const std::scoped_lock lock(mutex_);
    said.swap(health_);
  }
  if (said) {
    hooks_.health(said->first, said->second);
  }
}

}  // namespace usher::adapter
