#include "agent/agent.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <csignal>

#include "agent/kernel_events.hpp"
#include "agent/reload.hpp"
#include "agent/run_lock.hpp"
#include "agent/spool.hpp"

namespace usher::agent {

namespace {

constexpr std::chrono::milliseconds kSettle{100};  // a ConfigMap's swap is several renames
constexpr std::chrono::seconds kSuppressedPeriod{10};
constexpr std::chrono::seconds kSweepPeriod{30};
constexpr std::chrono::milliseconds kStopGrace{700};

std::filesystem::path spool_directory(const Config& config) {
  return config.run_dir / "failed-open";
}

}  // namespace

Agent::Agent(Config config, Log& log)
    : config_(std::move(config)),
      hub_(loop_.get_executor()),
      journal_(hub_, log),
      manager_(loop_),
      signals_(loop_, SIGTERM, SIGINT, SIGHUP),
      events_(loop_),
      suppressed_timer_(loop_),
      sweep_timer_(loop_),
      policy_watch_(loop_, config_.policy_directory, kSettle, [this] { reload("files changed"); }),
      spool_watch_(loop_, spool_directory(config_), kSettle, [this] { collect_failed_open(); }) {}

Agent::~Agent() = default;

// The dataflow, in order: state and kernel, policies, adapters; what an earlier agent left is taken
// over before anybody new is let in.
Result<> Agent::open() {
  for (const auto step : {&Agent::open_state, &Agent::open_policies, &Agent::open_adapters,
                          &Agent::take_over, &Agent::open_service}) {
    if (auto done = (this->*step)(); !done) {
      return done;
    }
  }
  collect_failed_open();
  watch();
  return {};
}

Result<> Agent::open_state() {
  auto lock = lock_run_directory(config_.run_dir);
  if (!lock) {
    return std::unexpected(lock.error());
  }
  lock_ = std::move(*lock);
  const auto boot = current_boot_id();
  if (!boot) {
    return std::unexpected(boot.error());
  }
  auto records = Records::open(config_.run_dir / "workloads", *boot);
  auto rules = RuleTable::open(config_.run_dir / "rules");
  if (!records || !rules) {
    return std::unexpected(records ? rules.error() : records.error());
  }
  std::error_code problem;
  std::filesystem::create_directories(config_.state_dir, problem);
  std::filesystem::create_directories(spool_directory(config_), problem);
  if (problem) {
    return fail_system(fmt::format("cannot make the directories {} and {}",
                                   config_.state_dir.string(), spool_directory(config_).string()),
                       problem.value());
  }
  records_.emplace(std::move(*records));
  rules_.emplace(std::move(*rules));
  auto enforcer = enforce::Enforcer::open(
      {.backend = config_.backend,
       .pins = config_.pins,
       .cgroup_root = {},
       .event_burst = config_.event_burst,
       .event_window_ms = static_cast<std::uint32_t>(config_.event_window.count())});
  if (!enforcer) {
    return std::unexpected(enforcer.error());
  }
  enforcer_ = std::move(*enforcer);
  locator_ = machine_locator(enforcer_->cgroup_root());
  profiles_.emplace(*enforcer_, *rules_);
  boot_offset_ = boot_offset_ns();
  lifetimes_.emplace(loop_, registry_, *records_, *enforcer_, journal_, locator_);
  for (const auto& warning : enforcer_->warnings()) {
    journal_.log().warning(warning);
  }
  return {};
}

Result<> Agent::open_policies() {
  store_.emplace(PolicyStore::Options{config_.policy_directory,
                                      config_.state_dir / "last-good.json", config_.allow_empty},
                 [this](const policy::Policy& policy) -> Result<> {
                   const policy::RuleSet alone{{std::make_shared<policy::Policy>(policy)}};
                   const auto image =
                       policy::compile(alone, {enforcer_->key(), 0, enforcer_->capabilities()},
                                       [](const policy::RuleName&) { return USHER_RULE_FIRST; });
                   return image ? Result<>{} : std::unexpected(image.error());
                 });
  store_->restore();
  for (const auto& problem : store_->restore_problems()) {
    journal_.log().warning(problem);
  }
  store_->load();
  if (store_->set().policies.empty() && !store_->current()) {
    return fail(
        fmt::format("no policy can be put in force: {}; usherd does not start without "
                    "policies, unless allow_empty = true under [policies]",
                    store_->errors().front()));
  }
  policies_.use(store_->set());
  return {};
}

Result<> Agent::open_adapters() {
  adapters_ = adapter::Host::create(
      loop_,
      {.directory = config_.adapter_directory,
       .automatic = config_.adapters_automatic,
       .selected = config_.adapters_selected,
       .config = config_.adapter_config},
      [](adapter::AdapterEvent event) {
        // No adapter of this version publishes containers: a gate that nobody watches is refused.
        if (event.done) {
          event.done(
              fail("this usherd enrols containers by its OCI hook only; install it with "
                   "usherctl runtime install"));
        }
      },
      [this](int level, std::string_view name, std::string_view message) {
        // USHER_LOG_DEBUG … USHER_LOG_ERROR of the C ABI count from 1.
        journal_.log().write(static_cast<LogLevel>(std::clamp(level - 1, 0, 3)), message,
                             {{"adapter", std::string(name)}});
      });
  if (auto started = adapters_->start(); !started) {
    return started;
  }
  for (const auto& info : adapters_->adapters()) {
    journal_.log().info(info.state == adapter::AdapterInfo::State::running ? "adapter is running"
                                                                           : "adapter does not run",
                        {{"adapter", info.name}, {"reason", info.reason}});
  }
  return {};
}

Result<> Agent::take_over() {
  auto adopted = adopt(registry_, *profiles_, *records_, *enforcer_, locator_, journal_);
  if (!adopted) {
    return fail_in("cannot take over what an earlier agent enrolled", adopted.error());
  }
  adopted_ = *adopted;
  reload("start");
  journal_.log().info(fmt::format("adopted {}, dropped {}, enrolled anew {}, unattributed {}",
                                  adopted_.adopted, adopted_.dropped, adopted_.enrolled_anew,
                                  adopted_.unattributed));
  if (registry_.size() != 0) {
    const auto tagged = enforcer_->tag_running();
    if (!tagged) {
      return fail_in("cannot tag the tasks that run already", tagged.error());
    }
    journal_.log().info(fmt::format("tagged {} running tasks", *tagged));
  }
  return {};
}

Result<> Agent::open_service() {
  enrolment_.emplace(Enrolment::Parts{
      registry_, *profiles_, policies_, *records_, *enforcer_, *adapters_, journal_, locator_,
      config_.hook_deadline * 8 / 10, [this](std::uint32_t slot) { lifetimes_->check(slot); }});
  service_.emplace(Service::Parts{*enrolment_, registry_, *profiles_, *rules_, *store_, *records_,
                                  *enforcer_, *adapters_, hub_, journal_,
                                  [this] { reload("asked for"); }, [this] { return warnings(); },
                                  locator_.now(), adopted_.adopted, config_.unenrolled});
  api::ServerOptions options;
  options.hook_socket = config_.hook_socket;
  options.admin_socket = config_.admin_socket;
  options.hook_deadline = config_.hook_deadline;
  options.refused = [this](const api::RefusedPeer& peer) {
    journal_.tell(LogLevel::warning, "peer-refused",
                  fmt::format("pid {}, uid {} was turned away from {}: {} ({} more since the last "
                              "one that was told)",
                              peer.pid, peer.uid, peer.socket.string(), peer.reason, peer.untold));
  };
  auto server = api::Server::open(loop_, *service_, options);
  if (!server) {
    return std::unexpected(server.error());
  }
  server_ = std::move(*server);
  return {};
}

void Agent::watch() {
  for (auto* directory : {&policy_watch_, &spool_watch_}) {
    if (auto watching = directory->start(); !watching) {
      journal_.log().warning(watching.error().message + "; changes are seen on SIGHUP only");
    }
  }
  events_.assign(::dup(enforcer_->events_fd()));
  pump_events();
  every(suppressed_timer_, kSuppressedPeriod, [this] { report_suppressed(); });
  every(sweep_timer_, kSweepPeriod, [this] {
    lifetimes_->sweep();
    collect_failed_open();
  });
  on_signal();
}

void Agent::run() {
  server_->start();
  const auto status = fmt::format(
      "{} workloads, {} policies, backend {}", registry_.size(), store_->set().policies.size(),
      enforcer_->backend() == enforce::Backend::lsm ? "lsm" : "tracepoint");
  journal_.log().info("ready: " + status, {{"hook_socket", config_.hook_socket.string()}});
  manager_.ready(status);
  manager_.keep_alive();
  loop_.run();
}

void Agent::pump_events() {
  events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code stopped) {
    if (stopped) {
      return;
    }
    const auto consumed =
        enforcer_->consume([this](const usher_event& record) { on_kernel_event(record); });
    if (!consumed) {
      journal_.log().error(consumed.error().message);
    }
    pump_events();
  });
}

void Agent::on_kernel_event(const usher_event& record) {
  if (record.type == USHER_EVENT_VERDICT) {
    journal_.publish(decode_verdict(record, registry_, *rules_, boot_offset_));
  } else if (record.type == USHER_EVENT_CGROUP_GONE) {
    lifetimes_->cgroup_gone(record.cgroup);
  } else if (record.type == USHER_EVENT_ARMED) {
    if (auto* entry = registry_.by_slot(record.workload)) {
      entry->started = true;
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
  const auto done = reapply(registry_, policies_, *profiles_, *enforcer_, journal_);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  for (const auto& error : store_->errors()) {
    journal_.tell(LogLevel::error, "reload", "policy not taken: " + error);
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
  failed_open_ += collect_spool(spool_directory(config_), journal_);
}

void Agent::report_suppressed() {
  for (const auto& held : enforcer_->take_suppressed()) {
    journal_.publish(suppressed_event(held.workload, held.rule, held.count, registry_, *rules_));
  }
}

std::vector<std::string> Agent::warnings() const {
  auto out = enforcer_->warnings();
  if (failed_open_ != 0) {
    out.push_back(
        fmt::format("{} containers started without this agent's verdict (failed open or "
                    "exempt) since it started; see usherctl events",
                    failed_open_));
  }
  if (adopted_.unattributed != 0) {
    out.push_back(fmt::format("{} workloads were found in the kernel without a record",
                              adopted_.unattributed));
  }
  for (const auto slot : registry_.slots()) {
    const auto& entry = *registry_.by_slot(slot);
    if (!entry.problem.empty()) {
      out.push_back(display_name(entry.workload.identity) +
                    " keeps an older profile: " + entry.problem);
    }
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
