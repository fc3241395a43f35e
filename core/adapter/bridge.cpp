#include "adapter/bridge.hpp"

#include <asio/post.hpp>
#include <utility>

#include "adapter/convert.hpp"
#include "base/escape.hpp"

namespace usher::adapter {
namespace {

constexpr std::size_t kMaxLogLine = 8192;

std::int32_t refused(usher_error* to, const Error& error, std::int32_t status = USHER_INVALID) {
  write_error(to, error);
  return status;
}

const Error kClosed{"the agent is stopping", 0};

}  // namespace

// Answers an adapter's gate exactly once, with a failure if the agent lets go of it unanswered.
class Bridge::Gate {
 public:
  explicit Gate(usher_done done) : done_(done) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { answer(std::unexpected(kClosed)); }

  bool asked() const { return done_.call != nullptr; }
  void disarm() { done_ = {}; }
  void answer(const Result<>& result) {
    const usher_done done = std::exchange(done_, {});
    if (done.call == nullptr) {
      return;
    }
    std::string message = result ? std::string() : result.error().message;
    const usher_error error{sizeof error, result ? 0 : result.error().code, message.data(),
                            message.size(), message.size()};
    done.call(done.context, done.ticket, result ? USHER_OK : USHER_FAILED,
              result ? nullptr : &error);
  }

 private:
  usher_done done_;
};

Bridge::Bridge(asio::io_context& loop, std::string name, Hooks hooks)
    : name_(std::move(name)),
      hooks_(std::move(hooks)),
      table_{sizeof table_, 0, this, &publish, &log, &set_health, &extension},
      loop_(&loop),
      watches_(loop) {}

Bridge::~Bridge() = default;

bool Bridge::post(std::function<void()> work) {
  const std::scoped_lock lock(mutex_);
  if (loop_ == nullptr) {
    return false;
  }
  asio::post(*loop_, [self = shared_from_this(), work = std::move(work)] {
    if (self->loop_ != nullptr) {  // written on this thread only
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
    if (!loop_->get_executor().running_in_this_thread()) {
      asio::post(*loop_, [self = shared_from_this(), work = std::move(work)] {
        if (self->loop_ != nullptr) {
          work();
        }
      });
      return true;
    }
  }
  work();
  return true;
}

void Bridge::close() {
  end_publishing();
  watches_.clear();
  for (auto& [ticket, then] : std::exchange(questions_, {})) {
    then(fail("adapter " + name_ + " was stopped before it answered", ECANCELED));
  }
  endings_.clear();
  const std::scoped_lock lock(mutex_);
  loop_ = nullptr;
}

// ---- questions and their answers ----

usher_identified Bridge::expect_identity(Identified then) {
  const std::uint64_t ticket = next_++;
  questions_.emplace(ticket, std::move(then));
  return {&identified, this, ticket};
}

usher_done Bridge::expect_done(Done then) {
  const std::uint64_t ticket = next_++;
  endings_.emplace(ticket, std::move(then));
  return {&done, this, ticket};
}

void Bridge::forget(std::uint64_t ticket) {
  questions_.erase(ticket);
  endings_.erase(ticket);
}

void Bridge::unexpected_answer(std::uint64_t ticket) {
  hooks_.log(USHER_LOG_WARNING, name_,
             "it answered question " + std::to_string(ticket) +
                 " twice or after the deadline; the answer was ignored");
}

void Bridge::identified(void* self, std::uint64_t ticket, const usher_identity* identity,
                        const usher_error* error) {
  auto answer = identity != nullptr ? identity_of(*identity)
                                    : Result<identity::Identity>(std::unexpected(error_of(error)));
  of(self).post([bridge = &of(self), ticket, answer = std::move(answer)]() mutable {
    auto question = bridge->questions_.extract(ticket);
    if (question.empty()) {
      bridge->unexpected_answer(ticket);
      return;
    }
    question.mapped()(std::move(answer));
  });
}

void Bridge::done(void* self, std::uint64_t ticket, std::int32_t status, const usher_error* error) {
  Result<> result;
  if (status != USHER_OK) {
    result = std::unexpected(error_of(error));
  }
  of(self).post([bridge = &of(self), ticket, result = std::move(result)]() mutable {
    auto ending = bridge->endings_.extract(ticket);
    if (ending.empty()) {
      bridge->unexpected_answer(ticket);
      return;
    }
    ending.mapped()(std::move(result));
  });
}

// ---- the host table ----

Result<> Bridge::accept(const usher_event& from, usher_done done) {
  using Kind = AdapterEvent::Kind;
  if (from.kind < USHER_EVENT_SANDBOX_STARTING || from.kind > USHER_EVENT_SYNCED) {
    return fail("event kind " + std::to_string(from.kind) + " is not known to this agent");
  }
  if ((from.identity == nullptr) != (from.kind == USHER_EVENT_SYNCED)) {
    return fail("an identity belongs to every event but synced");
  }
  if (from.kind == USHER_EVENT_CONTAINER_STARTING && done.call == nullptr) {
    return fail("container starting is a gate: it needs done");
  }
  if (from.pid < 0 || from.pid > 1 << 22) {
    return fail("pid " + std::to_string(from.pid) + " cannot be");
  }
  AdapterEvent event{.kind = static_cast<Kind>(from.kind - USHER_EVENT_SANDBOX_STARTING),
                     .adapter = name_,
                     .runtime = text_of(from.runtime, 256),
                     .identity = {},
                     .cgroup_path = text_of(from.cgroup_path),
                     .pid = static_cast<int>(from.pid),
                     .done = {}};
  if (from.identity != nullptr) {
    auto who = identity_of(*from.identity);
    if (!who) {
      return std::unexpected(std::move(who.error()));
    }
    event.identity = std::move(*who);
  }
  auto gate = std::make_shared<Gate>(done);
  if (!admit(gate) || !post([this, gate, event = std::move(event)]() mutable {
        deliver(std::move(event), gate);
      })) {
    gate->disarm();
    return std::unexpected(kClosed);
  }
  return {};
}

bool Bridge::admit(const std::shared_ptr<Gate>& gate) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(gates_, [](const auto& old) { return old.expired(); });
  gates_.push_back(gate);
  return publishing_;
}

void Bridge::deliver(AdapterEvent event, const std::shared_ptr<Gate>& gate) {
  if (!hooks_.serves(event.runtime)) {
    const std::string why = "it does not serve runtime \"" + escape(event.runtime) + "\"";
    hooks_.log(USHER_LOG_ERROR, name_, "an event was refused: " + why);
    gate->answer(fail(why));
    return;
  }
  if (gate->asked()) {
    event.done = [gate](const Result<>& result) { gate->answer(result); };
  }
  hooks_.sink(std::move(event));
}

void Bridge::end_publishing() {
  std::vector<std::weak_ptr<Gate>> open;
  {
    const std::scoped_lock lock(mutex_);
    publishing_ = false;
    open.swap(gates_);
  }
  for (const auto& weak : open) {
    if (const auto gate = weak.lock()) {
      gate->answer(std::unexpected(kClosed));
    }
  }
}

std::int32_t Bridge::publish(void* self, const usher_event* event, usher_done done,
                             usher_error* error) {
  auto taken = of(self).accept(read_sized(event), done);
  return taken ? USHER_OK
               : refused(error, taken.error(),
                         taken.error().message == kClosed.message ? USHER_ABSENT : USHER_INVALID);
}

void Bridge::log(void* self, std::uint32_t level, usher_string message) {
  of(self).post([bridge = &of(self), level, text = shown(text_of(message, kMaxLogLine))] {
    bridge->hooks_.log(static_cast<int>(level), bridge->name_, text);
  });
}

void Bridge::set_health(void* self, std::uint32_t health, usher_string reason) {
  of(self).post([bridge = &of(self), health, text = shown(text_of(reason, kMaxLogLine))] {
    bridge->hooks_.health(health, text);
  });
}

const void* Bridge::extension(void* /*self*/, usher_string id) {
  static constexpr usher_loop kLoop = {sizeof kLoop, 0,          &loop_watch,
                                       &loop_timer,  &loop_post, &loop_cancel};
  return text_of(id, 256) == USHER_EXT_LOOP ? &kLoop : nullptr;
}

// ---- usher.loop/1 ----

std::int32_t Bridge::loop_watch(void* self, std::int32_t fd, std::uint32_t events,
                                usher_callback callback, std::uint64_t* handle,
                                usher_error* error) {
  if (callback.call == nullptr || handle == nullptr || events == 0 ||
      (events & ~(USHER_READABLE | USHER_WRITABLE)) != 0) {
    return refused(error, {"a watch needs a callback, a handle and readable or writable", 0});
  }
  auto copy = pollable(fd);
  if (!copy) {
    return refused(error, copy.error(), USHER_FAILED);
  }
  Bridge& bridge = of(self);
  *handle = bridge.next_++;
  auto owned = std::make_shared<Fd>(std::move(*copy));
  const bool taken = bridge.run([&bridge, owned, events, callback, id = *handle] {
    bridge.watches_.watch(id, std::move(*owned), events, callback);
  });
  return taken ? USHER_OK : refused(error, kClosed, USHER_ABSENT);
}

std::int32_t Bridge::loop_timer(void* self, std::uint64_t delay_ns, usher_callback callback,
                                std::uint64_t* handle, usher_error* error) {
  if (callback.call == nullptr || handle == nullptr) {
    return refused(error, {"a timer needs a callback and a handle", 0});
  }
  Bridge& bridge = of(self);
  *handle = bridge.next_++;
  const bool taken = bridge.run([&bridge, delay_ns, callback, id = *handle] {
    bridge.watches_.timer(id, delay_ns, callback);
  });
  return taken ? USHER_OK : refused(error, kClosed, USHER_ABSENT);
}

std::int32_t Bridge::loop_post(void* self, usher_callback callback, usher_error* error) {
  if (callback.call == nullptr) {
    return refused(error, {"post needs a callback", 0});
  }
  const bool taken = of(self).post([callback] { callback.call(callback.context, 0); });
  return taken ? USHER_OK : refused(error, kClosed, USHER_ABSENT);
}

void Bridge::loop_cancel(void* self, std::uint64_t handle) {
  Bridge& bridge = of(self);
  bridge.run([&bridge, handle] { bridge.watches_.cancel(handle); });
}

}  // namespace usher::adapter
