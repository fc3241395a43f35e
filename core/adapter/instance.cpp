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

// Until an adapter that wants to be asked again is: doubled from one to the other.
constexpr std::chrono::milliseconds kFirstPause{10};
constexpr std::chrono::milliseconds kLongestPause{160};

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
  // The two codes that mean something here come from the status alone.
  error.code = status == USHER_ABSENT                         ? ENOENT
               : status == USHER_INVALID                      ? EINVAL
               : error.code == ENOENT || error.code == EINVAL ? 0
                                                              : error.code;
  return std::unexpected(std::move(error));
}

Instance::Instance(asio::io_context& loop, Library library, Bridge& bridge)
    : loop_(loop), library_(std::move(library)), bridge_(bridge) {}

Instance::~Instance() {
  if (state_ == State::running) {
    stop([](const Result<>&) {});
  }
  if (state_ == State::stopping) {
    bridge_.abandon();
    return;
  }
  if (instance_ != nullptr) {
    bridge_.begin_destroy();
    const auto since = Clock::now();
    library_.plugin.destroy(instance_);
    warn_if_slow(bridge_, "destroy", since);
  }
  bridge_.end();
}

Result<std::unique_ptr<Instance>> Instance::create(asio::io_context& loop, Library library,
                                                   const Config& config, Bridge& bridge) {
  std::unique_ptr<Instance> self(new Instance(loop, std::move(library), bridge));
  if (const auto* table = self->library_.extension<usher_oci>(USHER_EXT_OCI); table != nullptr) {
    const auto oci = read_sized(table, "usher_oci");
    if (!oci || oci->identify == nullptr) {
      const Misuse misuse =
          oci ? Misuse{Count::null_members, "has no usher_oci.identify"} : oci.error();
      bridge.misbehaved(misuse);
      return fail("it " + misuse.what, EINVAL);
    }
    self->oci_ = *oci;
  }
  if (const auto* table = self->library_.extension<usher_guest_relay>(USHER_EXT_GUEST_RELAY);
      table != nullptr) {
    const auto relay = read_sized(table, "usher_guest_relay");
    if (!relay || relay->container == nullptr || relay->policies == nullptr) {
      const Misuse misuse =
          relay ? Misuse{Count::null_members, "has a usher_guest_relay without its functions"}
                : relay.error();
      bridge.misbehaved(misuse);
      return fail("it " + misuse.what, EINVAL);
    }
    self->relay_ = *relay;
  }
  const RawSettings settings(config);
  ErrorSlot slot;
  const auto since = Clock::now();
  void* made = nullptr;
  const auto status =
      self->library_.plugin.create(bridge.table(), settings.get(), &made, slot.get());
  warn_if_slow(bridge, "create", since);
  if (status != USHER_OK) {
    Error error = slot.take();  // nothing was made
    error.code = status == USHER_INVALID ? EINVAL : error.code == EINVAL ? 0 : error.code;
    return std::unexpected(std::move(error));
  }
  if (made == nullptr) {
    const Misuse misuse{Count::null_members, "made no instance in create and said that it had"};
    bridge.misbehaved(misuse);
    return fail("it " + misuse.what, EINVAL);
  }
  self->instance_ = made;
  return self;
}

bool Instance::serves(std::string_view runtime) const {
  return std::ranges::find(library_.runtimes, runtime) != library_.runtimes.end();
}

Result<> Instance::start() {
  ErrorSlot slot;
  bridge_.allow_publishing();
  const auto since = Clock::now();
  const auto status = library_.plugin.start(instance_, slot.get());
  warn_if_slow(bridge_, "start", since);
  if (status != USHER_OK) {
    return std::unexpected(slot.take());
  }
  state_ = State::running;
  return {};
}

void Instance::tell_container(AdapterEvent::Kind kind, const identity::Identity& identity) {
  if (state_ != State::running || relay_.container == nullptr) {
    return;
  }
  const RawIdentity form(identity);
  const auto since = Clock::now();
  relay_.container(instance_, static_cast<std::uint32_t>(kind) + USHER_EVENT_SANDBOX_STARTING,
                   form.get());
  warn_if_slow(bridge_, "usher_guest_relay.container", since);
}

void Instance::tell_policies(const std::string& sandbox_id, const GuestPolicies& policies) {
  if (state_ != State::running || relay_.policies == nullptr) {
    return;
  }
  const RawGuestPolicies form(policies);
  const auto since = Clock::now();
  relay_.policies(instance_, raw(sandbox_id), form.get());
  warn_if_slow(bridge_, "usher_guest_relay.policies", since);
}

struct Instance::Question {
  std::string runtime;
  identity::OciState state;
  std::string raw;
  Clock::time_point until;
};

asio::awaitable<Result<identity::Identity>> Instance::identify(std::string runtime,
                                                               identity::OciState state,
                                                               std::string raw_state,
                                                               std::chrono::milliseconds deadline) {
  if (oci_.identify == nullptr) {
    co_return fail("adapter " + library_.name + " names runtime \"" + escape(runtime) +
                   "\" but knows nothing of OCI states (no " USHER_EXT_OCI "): remove the hook");
  }
  // The instance may be gone when a wait ends; the bridge is what is needed then.
  Bridge& bridge = bridge_;
  const std::string name = library_.name;
  const Question question{std::move(runtime), std::move(state), std::move(raw_state),
                          Clock::now() + deadline};
  std::string last;  // why there is no answer yet
  const auto too_late = [&] {
    return fail("adapter " + name + " did not say within " + std::to_string(deadline.count()) +
                    " ms who the container is" + (last.empty() ? "" : ": " + last),
                ETIMEDOUT);
  };
  asio::steady_timer timer(loop_);
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    auto answer = co_await ask(question);
    if (!answer && answer.error().code == ETIMEDOUT && Clock::now() >= question.until) {
      co_return too_late();
    }
    if (answer || answer.error().code != EAGAIN) {
      co_return answer;
    }
    last = std::move(answer.error().message);
    timer.expires_at(std::min(Clock::now() + pause, question.until));
    std::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (!bridge.may_be_asked()) {
      co_return fail("adapter " + name + " stopped before it answered: " + last, ECANCELED);
    }
    if (Clock::now() >= question.until) {
      co_return too_late();
    }
  }
}

// ETIMEDOUT at the deadline, also where it is past already.
asio::awaitable<Result<identity::Identity>> Instance::ask(const Question& question) {
  struct Pending {
    explicit Pending(asio::io_context& loop) : timer(loop) {}
    asio::steady_timer timer;
    std::optional<Result<identity::Identity>> answer;
  };
  Bridge& bridge = bridge_;
  const auto pending = std::make_shared<Pending>(loop_);
  pending->timer.expires_at(question.until);
  const usher_identified expected =
      bridge.expect_identity([pending](Result<identity::Identity> answer) {
        pending->answer = std::move(answer);
        pending->timer.cancel();
      });
  {
    const RawState form(question.runtime, question.state, question.raw);
    const auto since = Clock::now();
    oci_.identify(instance_, &form.state, expected);
    warn_if_slow(bridge, "identify", since);
  }
  std::error_code interrupted;
  co_await pending->timer.async_wait(asio::redirect_error(asio::use_awaitable, interrupted));
  if (pending->answer) {
    co_return std::move(*pending->answer);
  }
  bridge.forget(expected.ticket);
  co_return interrupted ? fail("the question was cancelled", ECANCELED)
                        : fail("the question met its deadline", ETIMEDOUT);
}

void Instance::stop(std::function<void(Result<>)> stopped) {
  if (state_ != State::running) {
    return;
  }
  state_ = State::stopping;
  const usher_done question = bridge_.begin_stop([this, then = std::move(stopped)](Result<> end) {
    state_ = State::stopped;
    then(std::move(end));
  });
  const auto since = Clock::now();
  library_.plugin.stop(instance_, question);
  warn_if_slow(bridge_, "stop", since);
}

}  // namespace usher::adapter
