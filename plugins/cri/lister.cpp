#include "cri/lister.hpp"

#include <algorithm>
#include <utility>

#include "base/escape.hpp"

namespace usher::cri {
namespace {

constexpr std::chrono::milliseconds kBusyPause{20};
constexpr int kBusyTries = 500;

[[noreturn]] void disagree(const char* what, const std::string& key_says,
                           const std::string& record_says) {
  throw plugin::Failure("the container's keys say " + std::string(what) + " \"" + escape(key_says) +
                            "\", the runtime's record of its sandbox says \"" +
                            escape(record_says) + "\"; neither is believed",
                        USHER_INVALID);
}

void take_labels(plugin::Identity& who, const Sandbox& sandbox, std::string_view source) {
  who.pod_labels = sandbox.labels;
  who.labels_known = sandbox.labels_problem.empty();
  who.labels_source = who.labels_known ? source : "";
}

}  // namespace

plugin::Identity identity_of(const Sandbox& sandbox, std::string_view source) {
  plugin::Identity who;
  who.pod_namespace = sandbox.pod_namespace;
  who.pod_name = sandbox.pod_name;
  who.pod_uid = sandbox.pod_uid;
  who.container_id = sandbox.id;
  who.sandbox_id = sandbox.id;
  who.runtime_handler = sandbox.runtime_handler;
  take_labels(who, sandbox, source);
  who.is_sandbox = true;
  who.identity_source = source;
  return who;
}

void join(plugin::Identity& who, const Sandbox& sandbox, std::string_view source) {
  const std::tuple<const char*, std::string*, const std::string*> parts[] = {
      {"namespace", &who.pod_namespace, &sandbox.pod_namespace},
      {"pod", &who.pod_name, &sandbox.pod_name},
      {"pod uid", &who.pod_uid, &sandbox.pod_uid},
      {"sandbox", &who.sandbox_id, &sandbox.id}};
  for (const auto& [what, mine, theirs] : parts) {
    if (mine->empty()) {
      *mine = *theirs;
    } else if (*mine != *theirs && !theirs->empty()) {
      disagree(what, *mine, *theirs);
    }
  }
  who.runtime_handler = sandbox.runtime_handler;
  take_labels(who, sandbox, source);
  who.identity_source += (who.identity_source.empty() ? "" : ", ") + std::string(source);
}

// Waits in run() until the time is over, the connection is lost or the lister stops.
struct Lister::Pause {
  Lister& lister;
  std::chrono::milliseconds length;  // 0: until something happens
  bool await_ready() const {
    return lister.stopping_ || lister.lost_ || (length.count() == 0 && lister.missed_);
  }
  void await_suspend(std::coroutine_handle<> who) const {
    lister.waiter_ = who;
    lister.idle_ = length.count() == 0;
    if (lister.idle_) {
      return;
    }
    auto timer = lister.loop_.timer(length, [&to = lister](auto) {
      if (const auto waiter = std::exchange(to.waiter_, {})) {
        waiter.resume();
      }
    });
    if (timer) {
      lister.timer_ = std::move(*timer);
    }
  }
  void await_resume() const {
    lister.idle_ = false;
    lister.timer_.cancel();
  }
};

Lister::Lister(plugin::Host host, Options options)
    : host_(host),
      options_(std::move(options)),
      loop_(host_.loop(), host_.context()),
      client_(loop_, options_.socket, options_.deadline, [this](const Error& why) {
        lost_ = true;
        tell(USHER_UNHEALTHY, why.message + "; what is enrolled stays enforced");
        if (const auto waiter = std::exchange(waiter_, {})) {
          waiter.resume();
        }
      }) {}

void Lister::start() {
  running_ = true;
  run();
}

void Lister::missed(const std::string& why) {
  if (health_ == USHER_HEALTHY) {
    tell(USHER_DEGRADED, why);
  }
  missed_ = true;
  if (idle_) {
    if (const auto waiter = std::exchange(waiter_, {})) {
      waiter.resume();
    }
  }
}

void Lister::stop(std::function<void()> stopped) {
  stopping_ = true;
  client_.close();
  if (!running_) {
    return stopped();
  }
  stopped_ = std::move(stopped);
  if (const auto waiter = std::exchange(waiter_, {})) {
    waiter.resume();
  }
}

void Lister::tell(std::uint32_t health, const std::string& reason) {
  if (!stopping_ && (std::exchange(health_, health) != health || reason_ != reason)) {
    reason_ = reason;
    options_.health(health, reason);
  }
}

void Lister::problems(const std::vector<std::string>& of) {
  for (const auto& problem : of) {
    host_.log(USHER_LOG_WARNING, "in the runtime's list, " + problem);
  }
}

Detached Lister::run() {
  auto pause = options_.first_pause;
  while (!stopping_) {
    lost_ = false;
    missed_ = false;
    const auto listed = co_await list();
    if (listed) {
      pause = options_.first_pause;
      co_await Pause{*this, std::chrono::milliseconds(0)};
      if (missed_) {  // a runtime that misses every other answer is not kept busy with lists
        co_await Pause{*this, options_.first_pause};
      }
      continue;
    }
    // A runtime that was there is lost; one that never was may not be installed.
    tell(health_ == 0 || health_ == USHER_DEGRADED ? USHER_DEGRADED : USHER_UNHEALTHY,
         listed.error().message);
    lost_ = false;
    co_await Pause{*this, pause};
    pause = std::min(pause * 2, options_.longest_pause);
  }
  running_ = false;
  if (const auto stopped = std::exchange(stopped_, {})) {
    stopped();
  }
}

Task<Result<>> Lister::list() {
  const auto version = co_await client_.version();
  if (!version) {
    co_return std::unexpected(version.error());
  }
  std::map<std::string, Sandbox> known;
  auto done = co_await publish(USHER_EVENT_LISTING, {}, 0);
  if (done) {
    done = co_await publish_sandboxes(known);
  }
  if (done) {
    done = co_await publish_containers(known);
  }
  if (done) {
    done = co_await publish(USHER_EVENT_SYNCED, {}, 0);
  }
  if (done) {
    tell(USHER_HEALTHY, "joined with " + version->name + " " + version->version + " over " +
                            escape(options_.socket));
  }
  co_return done;
}

Task<Result<>> Lister::publish_sandboxes(std::map<std::string, Sandbox>& known) {
  auto sandboxes = co_await client_.sandboxes();
  if (!sandboxes) {
    co_return std::unexpected(sandboxes.error());
  }
  problems(sandboxes->problems);
  for (auto& sandbox : sandboxes->items) {
    if (!sandbox.ready) {
      continue;  // nothing runs in it
    }
    auto who = identity_of(sandbox);
    if (auto told = co_await publish(USHER_EVENT_SANDBOX_STARTING, std::move(who), 0); !told) {
      co_return told;
    }
    auto id = sandbox.id;
    known.emplace(std::move(id), std::move(sandbox));
  }
  co_return Result<>{};
}

Task<Result<>> Lister::publish_containers(const std::map<std::string, Sandbox>& known) {
  auto containers = co_await client_.running_containers();
  if (!containers) {
    co_return std::unexpected(containers.error());
  }
  problems(containers->problems);
  for (const auto& container : containers->items) {
    const auto sandbox = known.find(container.sandbox_id);
    if (!container.running || sandbox == known.end()) {
      continue;  // its sandbox was left out, or ends
    }
    if (options_.elsewhere && options_.elsewhere(sandbox->second)) {
      continue;
    }
    const auto pid = co_await client_.container_pid(container.id);
    if (!pid && pid.error().code == ENOENT) {
      continue;  // ended meanwhile
    }
    if (!pid) {
      co_return std::unexpected(pid.error());
    }
    plugin::Identity who;
    who.container_id = container.id;
    who.container_name = container.name;
    who.sandbox_id = container.sandbox_id;
    who.image = container.image;
    join(who, sandbox->second);
    if (auto told = co_await publish(USHER_EVENT_CONTAINER_RUNNING, std::move(who), *pid); !told) {
      co_return told;
    }
  }
  co_return Result<>{};
}

// A host that has no room now is asked again.
Task<Result<>> Lister::publish(std::uint32_t kind, plugin::Identity who, int pid) {
  who.handler_unknown = !options_.tells_handlers && who.runtime_handler.empty();
  const plugin::detail::RawIdentity raw(who);
  usher_event event{};
  event.size = sizeof event;
  event.kind = kind;
  event.runtime = plugin::raw(options_.runtime);
  const bool bare = kind == USHER_EVENT_SYNCED || kind == USHER_EVENT_LISTING;
  event.identity = bare ? nullptr : raw.get();
  event.pid = pid;
  std::string why;
  for (int i = 0; i < kBusyTries && !stopping_; ++i) {
    try {
      host_.publish(event, {});
      co_return Result<>{};
    } catch (const plugin::Failure& failure) {
      why = failure.what();
      if (failure.status() == USHER_INVALID) {
        host_.log(USHER_LOG_ERROR, "the agent does not take what the runtime lists: " + why);
        co_return Result<>{};
      }
      if (failure.status() == USHER_STOPPING) {
        break;
      }
    }
    co_await Pause{*this, kBusyPause};
    if (lost_) {
      break;
    }
  }
  co_return fail("cannot publish what the runtime lists: " + why);
}

}  // namespace usher::cri
