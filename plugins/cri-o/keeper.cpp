#include "cri-o/keeper.hpp"

#include <sys/inotify.h>

#include <cerrno>
#include <utility>

#include "cri-o/hooks_dir.hpp"
#include "cri-o/identify.hpp"
#include "cri-o/installer.hpp"
#include "cri-o/places.hpp"
#include "install/node.hpp"
#include "install/seen_files.hpp"

namespace usher::cri_o {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                   IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                   IN_ONLYDIR;
// A package manager or an editor is through by then.
constexpr std::chrono::milliseconds kSettle{100};
// For a directory that cannot be written now, or that is not there to be watched.
constexpr std::chrono::seconds kTryAgain{10};
// For a lock that another process holds: usherctl is through soon.
constexpr std::chrono::milliseconds kLockAgain{250};
// While something is wrong that no watched file will tell the end of (CRI-O has to be restarted).
constexpr std::chrono::seconds kLookAgain{60};

struct Told {
  struct Step {
    std::uint32_t kind;
    std::string path;
    std::string what;
  };
  std::vector<Step> steps;
  std::vector<std::string> problems;
  std::string error;  // empty: it went well
  bool busy = false;  // an error because another process installs or uninstalls just now
};

void take_step(void* context, const usher_install_step* step) {
  static_cast<Told*>(context)->steps.push_back(
      {step->kind, std::string(plugin::view(step->path)), std::string(plugin::view(step->what))});
}

void take_problem(void* context, usher_string sentence) {
  static_cast<Told*>(context)->problems.emplace_back(plugin::view(sentence));
}

Told carry_out(void (*function)(const HookOptions&, plugin::Report&), const HookOptions& options) {
  Told told;
  const usher_install_sink sink{sizeof sink, 0, &told, &take_step, &take_problem};
  plugin::Report report(sink);
  try {
    function(options, report);
  } catch (const plugin::Failure& failure) {
    told.error = failure.what();
    told.busy = failure.code() == EWOULDBLOCK;
  } catch (const std::exception& e) {
    told.error = e.what();
  }
  return told;
}

bool changes(const Told::Step& step) {
  return step.kind == USHER_STEP_CREATE || step.kind == USHER_STEP_REPLACE;
}

}  // namespace

Keeper::Keeper(plugin::Host host, HookOptions options, Tell tell)
    : host_(host), options_(std::move(options)), tell_(std::move(tell)), loop_(host_.loop()) {
  options_.may_wait = false;
  options_.seen = std::make_shared<install::SeenFiles>();
}

Keeper::~Keeper() {
  stopped_ = true;
  unwatch();
}

void Keeper::start() {
  look();
}

void Keeper::stop() {
  stopped_ = true;
  unwatch();
  if (!options_.uninstall_on_stop) {
    return;
  }
  const Told told = carry_out(&uninstall_hooks, options_);
  if (!told.error.empty()) {
    host_.log(USHER_LOG_ERROR, "the hook of " + options_.runtime + " cannot be taken away: " +
                                   told.error + "; run: usherctl runtime uninstall cri-o");
    return;
  }
  host_.log(USHER_LOG_INFO, "the hook of " + options_.runtime +
                                " was taken away, as uninstall_on_stop says: its containers start "
                                "without policy from now on");
}

// Watches first, so that no change falls between the look and the watch.
void Keeper::look() {
  watch();
  const Told plan = carry_out(&plan_hooks, options_);
  if (!plan.error.empty()) {
    say(USHER_UNHEALTHY, "the hook of " + options_.runtime + " cannot be kept: " + plan.error);
    look_in(kTryAgain);
    return;
  }
  std::vector<std::string> wrong;
  for (const auto& step : plan.steps) {
    if (changes(step)) {
      wrong.push_back(step.path + (step.kind == USHER_STEP_CREATE ? " is not there"
                                                                  : " is not as it should be"));
    }
  }
  if (!wrong.empty() || !installed_) {
    mend(wrong);
  }
  if (!stopped_ && installed_) {
    say_how_it_stands();
  }
}

void Keeper::mend(const std::vector<std::string>& what) {
  const auto now = Clock::now();
  while (!repairs_.empty() && now - repairs_.front() > kWindow) {
    repairs_.pop_front();
  }
  if (installed_ && repairs_.size() >= kRepairs) {
    give_up(what.front());
    return;
  }
  const Told told = carry_out(&install_hooks, options_);
  if (!told.error.empty()) {
    if (!told.busy || !installed_) {
      say(USHER_UNHEALTHY,
          "the hook of " + options_.runtime + " cannot be put in place: " + told.error);
    }
    look_in(told.busy ? std::chrono::nanoseconds(kLockAgain) : kTryAgain);
    return;
  }
  if (installed_) {
    repairs_.push_back(now);
    for (const auto& each : what) {
      host_.log(USHER_LOG_WARNING, "hook repaired: " + each + "; put back (" +
                                       std::to_string(repairs_.size()) + " of at most " +
                                       std::to_string(kRepairs) + " repairs within a minute)");
    }
  }
  for (const auto& step : told.steps) {
    if (step.kind == USHER_STEP_MANUAL || (!installed_ && step.kind != USHER_STEP_KEEP)) {
      host_.log(step.kind == USHER_STEP_MANUAL ? USHER_LOG_WARNING : USHER_LOG_INFO,
                "hook: " + step.path + ": " + step.what);
    }
  }
  installed_ = true;
  // What this made is watched from the next look on.
  look_in(kSettle);
}

void Keeper::give_up(const std::string& what) {
  stopped_ = true;
  unwatch();
  const std::string sentence =
      "the hook of " + options_.runtime + " is not kept any more: " + what + ", after " +
      std::to_string(kRepairs) +
      " repairs within a minute; find who changes it, then run: usherctl runtime install cri-o, "
      "and start usherd again";
  say(USHER_UNHEALTHY, sentence);
}

void Keeper::say_how_it_stands() {
  const Told told = carry_out(&verify_hooks, options_);
  if (!told.error.empty()) {
    say(USHER_UNHEALTHY, "the hook of " + options_.runtime + " cannot be checked: " + told.error);
  } else if (!told.problems.empty()) {
    say(USHER_DEGRADED, told.problems.front());
    look_in(kLookAgain);
  } else {
    say(USHER_HEALTHY, "the hook of " + options_.runtime + " is in place");
  }
}

void Keeper::say(std::uint32_t health, const std::string& sentence) {
  if (sentence != std::exchange(told_, sentence)) {
    tell_(health, sentence);
  }
}

void Keeper::watch() {
  unwatch();
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (loop_ == nullptr || !inotify_) {
    host_.log(USHER_LOG_WARNING,
              "the hook of " + options_.runtime + " is looked at every 10 s only: " +
                  (loop_ == nullptr
                       ? "this agent has no " USHER_EXT_LOOP
                       : system_error("no inotify", errno, "raise fs.inotify.max_user_instances")
                             .message));
    look_in(kTryAgain);
    return;
  }
  const install::Node node(options_.root, options_.seen.get());
  std::vector<std::string> dirs = config_directories(options_.runtime);
  dirs.push_back(options_.hook_dir);
  try {
    const auto places = places_of(node, options_).every();
    dirs.insert(dirs.end(), places.begin(), places.end());
  } catch (const std::exception&) {
    // The look that follows says why, and a change of the configuration brings the next.
    host_.log(USHER_LOG_DEBUG, "the hooks directories are not known now");
  }
  for (const auto& dir : dirs) {
    // One that is not there is nothing to watch: the hook's own are made by the first install.
    ::inotify_add_watch(inotify_.get(), node.follow(dir).c_str(), kChanges);
  }
  if (loop_->watch(host_.context(), inotify_.get(), USHER_READABLE, {&on_readable, this}, &watch_,
                   nullptr) != USHER_OK) {
    watch_ = 0;
    look_in(kTryAgain);
  }
}

void Keeper::unwatch() {
  for (auto* handle : {&watch_, &timer_}) {
    if (const auto old = std::exchange(*handle, 0); old != 0) {
      loop_->cancel(host_.context(), old);
    }
  }
  inotify_.reset();
}

// At the latest then: an earlier look takes its place.
void Keeper::look_in(std::chrono::nanoseconds delay) {
  if (loop_ == nullptr || timer_ != 0 || stopped_) {
    return;
  }
  if (loop_->timer(host_.context(), static_cast<std::uint64_t>(delay.count()), {&on_time, this},
                   &timer_, nullptr) != USHER_OK) {
    timer_ = 0;
  }
}

// The events themselves do not matter: the next look opens a new watch. Until then the old one is
// silent.
void Keeper::on_readable(void* self, std::uint32_t /*events*/) {
  auto* keeper = static_cast<Keeper*>(self);
  keeper->unwatch();
  keeper->look_in(kSettle);
}

void Keeper::on_time(void* self, std::uint32_t /*events*/) {
  auto* keeper = static_cast<Keeper*>(self);
  keeper->timer_ = 0;
  keeper->look();
}

}  // namespace usher::cri_o
