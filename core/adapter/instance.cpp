#include "adapter/instance.hpp"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "adapter/convert.hpp"
#include "base/escape.hpp"

namespace usher::adapter {
namespace {

using Clock = std::chrono::steady_clock;

// What a call on the loop may take before the log says that the adapter blocks the agent.
constexpr std::chrono::milliseconds kSlow{100};
constexpr std::uint64_t kMaxRuntimes = 64;

// The ABI's form of an OCI state; borrows it.
struct RawState {
  std::vector<usher_pair> annotations;
  usher_oci_state state{};

  RawState(std::string_view runtime, const identity::OciState& from, std::string_view text) {
    annotations.reserve(from.annotations.size());
    for (const auto& [key, value] : from.annotations) {
      annotations.push_back({raw(key), raw(value)});
    }
    state.size = sizeof state;
    state.runtime = raw(runtime);
    state.raw = raw(text);
    state.id = raw(from.id);
    state.status = raw(from.status);
    state.bundle = raw(from.bundle);
    state.root = raw(from.root);
    state.pid = from.pid;
    state.annotations = annotations.data();
    state.annotation_count = annotations.size();
  }
};

}  // namespace

Result<> probe(const Library& library, const Config& config) {
  const RawSettings settings(config);
  ErrorSlot slot;
  const auto status = library.plugin.probe(settings.get(), slot.get());
  if (status == USHER_OK) {
    return {};
  }
  Error error = slot.take();
  error.code = status == USHER_ABSENT ? ENOENT : error.code == ENOENT ? 0 : error.code;
  return std::unexpected(std::move(error));
}

Instance::Instance(asio::io_context& loop, Library library)
    : loop_(loop), library_(std::move(library)) {}

Instance::~Instance() {
  if (state_ == State::running) {
    stop([](const Result<>&) {});
  }
  if (state_ == State::stopping) {
    bridge_->close();
    // The adapter may call at any time to come: its host table stays where it is.
    bridge_->keep_for_ever();
    return;
  }
  if (instance_ != nullptr) {
    bridge_->end_publishing();
    library_.plugin.destroy(instance_);
  }
  bridge_->close();
}

Result<std::unique_ptr<Instance>> Instance::create(asio::io_context& loop, Library library,
                                                   const Config& config, Bridge::Hooks hooks) {
  std::unique_ptr<Instance> self(new Instance(loop, std::move(library)));
  self->log_ = hooks.log;
  self->read_runtimes();
  // An adapter without usher.oci/1 names the runtimes of its events itself.
  hooks.serves = [served = self->runtimes_](std::string_view runtime) {
    return served.empty() ? !runtime.empty() : std::ranges::find(served, runtime) != served.end();
  };
  self->bridge_ = std::make_shared<Bridge>(loop, self->library_.name, std::move(hooks));
  const RawSettings settings(config);
  ErrorSlot slot;
  const auto since = Clock::now();
  const auto status = self->library_.plugin.create(self->bridge_->table(), settings.get(),
                                                   &self->instance_, slot.get());
  self->warn_if_slow("create", since);
  if (status != USHER_OK) {
    self->instance_ = nullptr;  // nothing was made
    return std::unexpected(slot.take());
  }
  return self;
}

void Instance::read_runtimes() {
  const auto* oci = library_.extension<usher_oci>(USHER_EXT_OCI);
  oci_ = read_sized(oci);
  if (oci_.identify == nullptr || oci_.runtimes == nullptr) {
    return;
  }
  for (std::uint64_t i = 0; i < std::min(oci_.runtime_count, kMaxRuntimes); ++i) {
    runtimes_.push_back(text_of(oci_.runtimes[i], 256));
  }
}

bool Instance::serves(std::string_view runtime) const {
  return std::ranges::find(runtimes_, runtime) != runtimes_.end();
}

void Instance::warn_if_slow(const char* call, Clock::time_point since) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since);
  if (took > kSlow) {
    log_(USHER_LOG_WARNING, library_.name,
         std::string(call) + " held up the agent for " + std::to_string(took.count()) + " ms");
  }
}

Result<> Instance::start() {
  ErrorSlot slot;
  const auto since = Clock::now();
  const auto status = library_.plugin.start(instance_, slot.get());
  warn_if_slow("start", since);
  if (status != USHER_OK) {
    return std::unexpected(slot.take());
  }
  state_ = State::running;
  return {};
}

asio::awaitable<Result<identity::Identity>> Instance::identify(std::string runtime,
                                                               identity::OciState state,
                                                               std::string raw_state,
                                                               std::chrono::milliseconds deadline) {
  struct Pending {
    explicit Pending(asio::io_context& loop) : timer(loop) {}
    asio::steady_timer timer;
    std::optional<Result<identity::Identity>> answer;
  };
  const auto pending = std::make_shared<Pending>(loop_);
  pending->timer.expires_after(deadline);
  // The instance may be gone when the wait ends; the bridge is what is needed then.
  const auto bridge = bridge_;
  const std::string name = library_.name;
  const usher_identified question =
      bridge->expect_identity([pending](Result<identity::Identity> answer) {
        pending->answer = std::move(answer);
        pending->timer.cancel();
      });
  {
    const RawState form(runtime, state, raw_state);
    const auto since = Clock::now();
    oci_.identify(instance_, &form.state, question);
    warn_if_slow("identify", since);
  }
  std::error_code interrupted;
  co_await pending->timer.async_wait(asio::redirect_error(asio::use_awaitable, interrupted));
  if (pending->answer) {
    co_return std::move(*pending->answer);
  }
  bridge->forget(question.ticket);
  if (interrupted) {
    co_return fail("adapter " + name + " stopped before it answered", ECANCELED);
  }
  co_return fail("adapter " + name + " did not say within " + std::to_string(deadline.count()) +
                     " ms who the container is",
                 ETIMEDOUT);
}

void Instance::stop(std::function<void(Result<>)> stopped) {
  if (state_ != State::running) {
    return;
  }
  state_ = State::stopping;
  bridge_->end_publishing();
  const usher_done question = bridge_->expect_done([this, then = std::move(stopped)](Result<> end) {
    state_ = State::stopped;
    then(std::move(end));
  });
  const auto since = Clock::now();
  library_.plugin.stop(instance_, question);
  warn_if_slow("stop", since);
}

}  // namespace usher::adapter
