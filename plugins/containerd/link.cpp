#include "containerd/link.hpp"

#include <algorithm>
#include <utility>

#include "containerd/hookless.hpp"
#include "containerd/identify.hpp"

namespace usher::containerd {
namespace {

cri::Loop loop_of(const plugin::Host& host) {
  return {&plugin::detail::loop_of(host), host.context()};
}

}  // namespace

Link::Link(plugin::Host host, const Options& options)
    : host_(host),
      options_(options),
      standing_(host, options.mode),
      feed_(host, loop_of(host),
            {options.mode, options.fails_open, options.injected, options.kata_handlers,
             [this] { return look_for_program(); }}),
      records_(
          host, loop_of(host), options,
          [this](std::uint32_t health, const std::string& sentence) {
            standing_.cri(health, sentence);
            if (health == USHER_HEALTHY) {
              learn_handlers({});  // it may have started anew, with another configuration
            }
          },
          [this](const cri::Sandbox& pod) { return feed_.is_kata(pod); }),
      client_(loop_of(host), client_options(options), feed_) {
  feed_.hook_problem = [this](const std::string& problem) { standing_.hook(problem); };
  feed_.before_list = [this] {
    records_.end_listing();
    standing_.cri(0, {});
    again_.cancel();
    again_pause_ = kHandlersAgain;
    learn_handlers({});
  };
}

nri::Client::Options Link::client_options(const Options& options) {
  nri::Client::Options to;
  to.socket = options.nri_socket;
  to.name = options.nri_name;
  to.index = options.nri_index;
  to.told = [this](auto state, const std::string& sentence) { told(state, sentence); };
  to.log = [host = host_](std::uint32_t level, const std::string& line) { host.log(level, line); };
  return to;
}

void Link::told(nri::Client::State state, const std::string& sentence) {
  standing_.nri(state, sentence);
  misses_ = state == nri::Client::State::registered ? 0 : misses_ + 1;
  if (misses_ > 0 && (state != nri::Client::State::lost || misses_ >= kPatience)) {
    records_.begin_listing();
  }
}

std::string Link::look_for_program() {
  auto problem = options_.program_problem();
  standing_.program(problem);
  return problem;
}

// What the handlers stand for is asked before the first list, which tells Kata's containers from
// those of this node; but a containerd that does not say holds nobody up.
void Link::start() {
  look_for_program();
  auto patience = loop_of(host_).timer(kHandlersWithin, [this](auto) { register_us(); });
  if (patience) {
    patience_ = std::move(*patience);
  }
  learn_handlers([this] { register_us(); });
}

void Link::register_us() {
  if (!stopping_ && !std::exchange(registering_, true)) {
    patience_.cancel();
    client_.start();
  }
}

// What was known stays where containerd does not say.
void Link::learn_handlers(std::function<void()> then) {
  records_.handlers([this, then = std::move(then)](Result<Handlers> told) {
    if (stopping_) {
      return;
    }
    if (told) {
      standing_.specs(hookless(options_, *told));
      feed_.know(std::move(*told));
      again_.cancel();
      again_pause_ = kHandlersAgain;
      not_learned_.clear();
    } else {
      learn_again(told.error().message);
    }
    if (then) {
      then();
    }
  });
}

// A containerd that starts takes NRI's plugins before it serves CRI: who is as quick as this one
// gets no answer then, and no other list comes.
void Link::learn_again(const std::string& why) {
  if (std::exchange(not_learned_, why) != why) {
    host_.log(USHER_LOG_INFO,
              "containerd does not say which runtimes are Kata; what it said before holds, else "
              "their names: " +
                  why);
  }
  if (again_) {
    return;
  }
  auto again = loop_of(host_).timer(again_pause_, [this](auto) {
    again_.cancel();
    learn_handlers({});
  });
  if (again) {
    again_ = std::move(*again);
    again_pause_ = std::min(again_pause_ * 2, kHandlersLongest);
  }
}

void Link::identify(const plugin::OciState& state, plugin::Answer answer) {
  auto who = containerd::identify(state);
  if (who.is_sandbox) {
    return answer.is(who);  // containerd has no record of a sandbox that it is just making
  }
  feed_.hooked(who.container_id);
  if (const auto* pod = feed_.pod(who.sandbox_id); pod != nullptr) {
    join_record(who, *pod, kNriSource);
    return answer.is(who);
  }
  records_.answer(host_, std::move(who), std::move(answer));
}

void Link::stop(plugin::Done stopped) {
  stopping_ = true;
  patience_.cancel();
  again_.cancel();
  stopped_ = std::make_unique<plugin::Done>(std::move(stopped));
  running_ = 2;
  const auto ended = [this] {
    --running_;
    end_if_stopped();
  };
  feed_.stop();
  client_.stop(ended);
  records_.stop(ended);
}

void Link::end_if_stopped() {
  if (running_ == 0 && stopped_ != nullptr) {
    const auto stopped = std::move(stopped_);
    stopped->ok();
  }
}

}  // namespace usher::containerd
