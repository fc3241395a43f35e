// What the agent does while it runs: events, signals, timers, reloads, the orderly stop.
#include <fmt/format.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <csignal>
#include <utility>

#include "agent/adapter_health.hpp"
#include "agent/agent.hpp"
#include "agent/kernel_events.hpp"
#include "agent/reload.hpp"
#include "agent/spool.hpp"

namespace usher::agent {

namespace {

constexpr std::chrono::seconds kSuppressedPeriod{10};
constexpr std::chrono::seconds kSweepPeriod{30};
constexpr std::chrono::seconds kSocketsPeriod{2};  // less than a hook waits for its agent
constexpr std::chrono::milliseconds kStopGrace{700};
constexpr std::chrono::seconds kGuestPatience{5};

}  // namespace

void Agent::watch() {
  for (auto* directory : {&policy_watch_, &spool_watch_}) {
    if (guest_ && directory == &policy_watch_) {
      continue;
    }
    if (auto watching = directory->start(); !watching) {
      journal_.log().warning(watching.error().message + "; changes are seen on SIGHUP only");
    }
  }
  events_.assign(::dup(enforcer_->events_fd()));
  pump_events();
  every(suppressed_timer_, kSuppressedPeriod, [this] { report_suppressed(); });
  every(sweep_timer_, kSweepPeriod, [this] {
    lifetimes_->sweep();
    prepared_->sweep();
    collect_failed_open();
  });
  on_signal();
}

void Agent::run() {
  server_->start();
  every(sockets_timer_, kSocketsPeriod, [this] { look_after_sockets(); });
  manager_.keep_alive();
  if (guest_) {
    // What starts the guest's containers waits for this agent, so that the session comes first; but
    // a host without a relay is not to hang the guest's boot: its containers are refused.
    guest_->when_open(kGuestPatience, [this](bool open) {
      if (!open) {
        journal_.log().warning(
            "ready without a session: containers are refused until there is one");
      }
      tell_ready();
    });
  } else {
    tell_ready();
  }
  loop_.run();
}

void Agent::tell_ready() {
  const auto status =
      fmt::format("{} workloads, {} policies, backend {}", registry_.size(),
                  store_->set().policies.size(), enforce::word(enforcer_->backend()));
  journal_.log().info("ready: " + status, {{"hook_socket", config_.hook_socket.string()}});
  manager_.ready(status);
}

void Agent::look_after_sockets() {
  if (stopping_) {
    return;
  }
  auto lost = server_->renew();
  if (lost == lost_sockets_) {
    return;
  }
  for (const auto& sentence : lost) {
    journal_.tell(LogLevel::error, "socket", sentence);
  }
  lost_sockets_ = std::move(lost);
}

void Agent::pump_events() {
  events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code stopped) {
    if (stopped) {
      return;
    }
    const auto consumed =
        enforcer_->consume([this](const usher_kernel_event& record) { on_kernel_event(record); });
    if (!consumed) {
      journal_.log().error(consumed.error().message);
    }
    pump_events();
  });
}

void Agent::on_kernel_event(const usher_kernel_event& record) {
  if (record.type == USHER_EVENT_VERDICT) {
    auto event = decode_verdict(record, registry_, *rules_, boot_offset_);
    if (record.rule == USHER_RULE_UNENROLLED || record.workload == enforcer_->exempt_slot()) {
      name_by_cgroup(record, locator_.cgroup_path(record.cgroup), event);
    }
    journal_.publish(std::move(event));
  } else if (record.type == USHER_EVENT_CGROUP_GONE) {
    lifetimes_->cgroup_gone(record.cgroup);
  } else if (record.type == USHER_EVENT_ARMED) {
    if (auto* entry = registry_.by_slot(record.workload)) {
      if (!std::exchange(entry->started, true) && guest_) {
        guest_->runs(*entry);
      }
    }
  }
}

void Agent::on_signal() {
  signals_.async_wait([this](std::error_code stopped, int signal) {
    if (stopped) {
      return;
    }
    if (signal == SIGHUP) {
      manager_.reloading();
      if (const auto changed = changed_since_start(config_); !changed.empty()) {
        journal_.log().warning(changed);
      }
      reload("SIGHUP");
      manager_.ready("reloaded");
      on_signal();
    } else {
      asio::co_spawn(loop_, stop(), asio::detached);
    }
  });
}

void Agent::every(asio::steady_timer& timer, std::chrono::seconds period,
                  std::function<void()> work) {
  timer.expires_after(period);
  timer.async_wait([this, &timer, period, work = std::move(work)](std::error_code stopped) mutable {
    if (!stopped) {
      work();
      every(timer, period, std::move(work));
    }
  });
}

void Agent::reload(std::string_view why) {
  const auto begin = std::chrono::steady_clock::now();
  if (why != "start") {
    store_->load();
    policies_.use(store_->set());
  }
  auto done = reapply(registry_, policies_, *profiles_, *enforcer_, journal_);
  const auto in_guests = guests_->reapply();
  done.switched += in_guests.switched;
  done.kept += in_guests.kept;
  if (prepared_) {
    prepared_->renew();
    feed_->policies_changed();
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  // A guest begins with what it had; the host's word comes later.
  const auto level = guest_ && !guest_->texts() ? LogLevel::info : LogLevel::error;
  for (const auto& error : store_->errors()) {
    journal_.tell(level, "reload", "policy not taken: " + error);
  }
  for (const auto& warning : store_->warnings()) {
    journal_.log().warning(warning);
  }
  journal_.tell(
      LogLevel::info, "reload",
      fmt::format("policies loaded ({}): {} in force, {} workloads switched, {} kept "
                  "their older profile, {} ms",
                  why, store_->set().policies.size(), done.switched, done.kept, took.count()));
  asio::post(loop_, [this] {
    if (auto saved = store_->save(); !saved) {
      journal_.log().warning(saved.error().message);
    }
  });
}

void Agent::collect_failed_open() {
  failed_open_ += collect_spool(config_.spool(), journal_);
}

void Agent::report_suppressed() {
  for (const auto& held : enforcer_->take_suppressed()) {
    journal_.publish(suppressed_event(held.workload, held.rule, held.count, registry_, *rules_));
  }
}

std::vector<std::string> Agent::warnings() const {
  auto out = enforcer_->warnings();
  if (const auto& lost = rules_->set_aside(); !lost.empty()) {
    out.push_back(lost);
  }
  for (auto& warning : enrolment_->warnings()) {
    out.push_back(std::move(warning));
  }
  if (failed_open_ != 0) {
    out.push_back(
        fmt::format("{} containers started without this agent's verdict (failed open or "
                    "exempt) since it started; see usherctl events",
                    failed_open_));
  }
  for (auto& warning : feed_->warnings()) {
    out.push_back(std::move(warning));
  }
  for (auto& warning : guests_->warnings()) {
    out.push_back(std::move(warning));
  }
  for (auto& warning : unenrolled_->warnings()) {
    out.push_back(std::move(warning));
  }
  const auto adapters = adapters_->adapters();
  for (auto& warning : adapter_warnings(adapters)) {
    out.push_back(std::move(warning));
  }
  if (auto unserved = unserved_warning(adapters, config_.tetragon_runtime)) {
    out.push_back(std::move(*unserved));
  }
  std::size_t unattributed = 0;
  for (const auto slot : registry_.slots()) {
    const auto& entry = *registry_.by_slot(slot);
    unattributed += entry.attributed ? 0 : 1;
    if (!entry.problem.empty()) {
      out.push_back(display_name(entry.workload.identity) +
                    " keeps an older profile: " + entry.problem);
    }
  }
  if (unattributed != 0) {
    out.push_back(
        fmt::format("{} workloads were found in the kernel without a record", unattributed));
  }
  return out;
}

asio::awaitable<void> Agent::stop() {
  if (std::exchange(stopping_, true)) {
    co_return;
  }
  journal_.log().info("stopping; what is enrolled stays enforced");
  manager_.stopping();
  policy_watch_.stop();
  spool_watch_.stop();
  hub_.close();
  co_await server_->stop(kStopGrace);
  co_await adapters_->stop(kStopGrace);
  loop_.stop();
}

}  // namespace usher::agent
