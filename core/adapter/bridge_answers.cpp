// The questions that an adapter was asked, and its answers.
#include <utility>

#include "adapter/bridge.hpp"

namespace usher::adapter {
namespace {

constexpr std::size_t kMaxLateTickets = 1024;  // that are told from answers given twice

}  // namespace

usher_identified Bridge::expect_identity(Identified then) {
  const std::uint64_t ticket = next_++;
  questions_.emplace(ticket, std::move(then));
  return {&identified, this, ticket};
}

void Bridge::forget(std::uint64_t ticket) {
  if (questions_.erase(ticket) != 0 && late_.size() < kMaxLateTickets) {
    late_.insert(ticket);
  }
}

bool Bridge::may_be_asked() {
  const std::scoped_lock lock(mutex_);
  return loop_ != nullptr && phase_ == Phase::started;
}

void Bridge::end_questions() {
  for (auto& [ticket, then] : std::exchange(questions_, {})) {
    then(fail("adapter " + name_ + " was stopped before it answered", ECANCELED));
  }
}

void Bridge::unexpected_answer(std::uint64_t ticket) {
  const std::string question = "question " + std::to_string(ticket);
  if (late_.erase(ticket) != 0) {
    misbehaved({Count::answered_late, "answered " + question + " after the deadline"});
  } else {
    misbehaved({Count::answered_twice, "answered " + question + " twice, or was never asked it"});
  }
}

void Bridge::identified(void* self, std::uint64_t ticket, const usher_identity* identity,
                        const usher_error* error) {
  Bridge& bridge = of(self);
  if (!bridge.may_call("identified")) {
    return;
  }
  Result<identity::Identity> answer;
  if (identity != nullptr) {
    auto who = identity_of(identity);
    if (who && (who->guest || who->host_root)) {
      who = std::unexpected(
          Misuse{Count::bad_values, "answered with an identity flag that is for events alone"});
    }
    if (who) {
      answer = std::move(*who);
    } else {
      bridge.misbehaved(who.error());
      answer = fail("the adapter " + who.error().what, EINVAL);
    }
  } else if (auto why = error_of(error)) {
    answer = std::unexpected(std::move(*why));
  } else {
    bridge.misbehaved(why.error());
    answer = fail("the adapter refused and " + why.error().what, EINVAL);
  }
  bridge.post([&bridge, ticket, answer = std::move(answer)]() mutable {
    auto question = bridge.questions_.extract(ticket);
    if (question.empty()) {
      bridge.unexpected_answer(ticket);
      return;
    }
    question.mapped()(std::move(answer));
  });
}

void Bridge::done(void* self, std::uint64_t ticket, std::int32_t status, const usher_error* error) {
  Bridge& bridge = of(self);
  bool first = false;
  {
    const std::scoped_lock lock(bridge.mutex_);
    if (bridge.phase_ == Phase::stopping && ticket == bridge.stop_ticket_) {
      bridge.phase_ = Phase::stopped;
      first = true;
    }
  }
  if (!first) {
    bridge.misbehaved({Count::answered_twice, "said stopped twice, or was never asked to stop"});
    return;
  }
  Result<> result;
  if (status != USHER_OK) {
    auto why = error_of(error);
    if (!why) {
      bridge.misbehaved(why.error());
    }
    result = why ? std::unexpected(*why) : fail("it " + why.error().what);
  }
  bridge.post([&bridge, result = std::move(result)] {
    if (const auto stopped = std::exchange(bridge.stopped_, {})) {
      stopped(result);
    }
  });
}

}  // namespace usher::adapter
