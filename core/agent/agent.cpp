#include "agent/agent.hpp"

#include <fmt/format.h>

#include <csignal>

#include "agent/adapter_health.hpp"
#include "agent/kernel_events.hpp"
#include "agent/run_lock.hpp"

namespace usher::agent {

namespace {

constexpr std::chrono::milliseconds kSettle{100};  // a ConfigMap's swap is several renames

// Where the backend is left open and this kernel can do none, the one that enforces nothing; but
// not in place of one that is at work already.
Result<std::unique_ptr<enforce::Enforcer>> open_guest_enforcer(const enforce::Options& options) {
  auto enforcer = enforce::Enforcer::open(options);
  if (enforcer || options.backend != "auto" || enforce::Enforcer::attached(options.pins)) {
    return enforcer;
  }
  return enforce::Enforcer::open_none(enforcer.error().message);
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
      sockets_timer_(loop_),
      policy_watch_(loop_, config_.policy_directory, kSettle, [this] { reload("files changed"); }),
      spool_watch_(loop_, config_.spool(), kSettle, [this] { collect_failed_open(); }) {}

Agent::~Agent() = default;

// The dataflow, in order: state and kernel, policies, adapters; what an earlier agent left is taken
// over before anybody new is let in.
Result<> Agent::open() {
  for (const auto step :
       {&Agent::open_state, &Agent::open_guest, &Agent::open_policies, &Agent::open_adapters,
        &Agent::take_over, &Agent::answer_unenrolled, &Agent::open_service}) {
    if (auto done = (this->*step)(); !done) {
      return done;
    }
  }
  collect_failed_open();
  watch();
  return {};
}

Result<std::unique_ptr<enforce::Enforcer>> Agent::open_enforcer() const {
  const enforce::Options options{
      .backend = config_.backend,
      .pins = config_.pins,
      .cgroup_root = {},
      .event_burst = config_.event_burst,
      .event_window_ms = static_cast<std::uint32_t>(config_.event_window.count())};
  return config_.guest_relay.empty() ? enforce::Enforcer::open(options)
                                     : open_guest_enforcer(options);
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
  std::filesystem::create_directories(config_.spool(), problem);
  if (problem) {
    return fail_system(fmt::format("cannot make the directories {} and {}",
                                   config_.state_dir.string(), config_.spool().string()),
                       problem.value());
  }
  records_.emplace(std::move(*records));
  rules_.emplace(std::move(*rules));
  auto enforcer = open_enforcer();
  if (!enforcer) {
    return std::unexpected(enforcer.error());
  }
  enforcer_ = std::move(*enforcer);
  if (const auto& lost = rules_->set_aside(); !lost.empty()) {
    rules_->begin_above(highest_rule(*enforcer_));
    journal_.tell(LogLevel::warning, "rules", lost);
  }
  locator_ = machine_locator(enforcer_->cgroup_root());
  profiles_.emplace(*enforcer_, *rules_);
  boot_offset_ = boot_offset_ns();
  lifetimes_.emplace(loop_, registry_, *records_, *enforcer_, journal_, locator_);
  for (const auto& warning : enforcer_->warnings()) {
    journal_.log().warning(warning);
  }
  return {};
}

Result<> Agent::open_guest() {
  if (config_.guest_relay.empty()) {
    return {};
  }
  auto relay = guest::parse_relay_address(config_.guest_relay);
  if (!relay) {
    return fail_in("the host's relay", relay.error());
  }
  guest_ = std::make_unique<GuestSide>(
      GuestSide::Parts{loop_, std::move(*relay), config_.run_dir / "guest-session", *enforcer_,
                       registry_, hub_, journal_, [this](std::string_view why) { reload(why); }});
  return {};
}

Result<> Agent::open_policies() {
  PolicyStore::Options options{config_.policy_directory, config_.state_dir / "last-good.json",
                               config_.allow_empty};
  if (guest_) {
    options.directory.clear();
    options.texts = [this] { return guest_->texts(); };
  }
  store_.emplace(std::move(options), [this](const policy::Policy& policy) -> Result<> {
    const policy::RuleSet alone{{std::make_shared<policy::Policy>(policy)}};
    const auto image = policy::compile(alone, {enforcer_->key(), 0, enforcer_->capabilities()},
                                       [](const policy::RuleName&) { return USHER_RULE_FIRST; });
    return image ? Result<>{} : std::unexpected(image.error());
  });
  store_->restore();
  for (const auto& problem : store_->restore_problems()) {
    journal_.log().warning(problem);
  }
  store_->load();
  if (!guest_ && store_->set().policies.empty() && !store_->current()) {
    return fail(
        fmt::format("no policy can be put in force: {}; usherd does not start without "
                    "policies, unless allow_empty = true under [policies]",
                    store_->errors().front()));
  }
  policies_.use(store_->set());
  return {};
}

void Agent::open_guests() {
  // In milliseconds: greater than what an agent before this one can have counted up to.
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  guests_.emplace(Guests::Parts{.loop = loop_,
                                .sandboxes = sandboxes_,
                                .policies = policies_,
                                .adapters = *adapters_,
                                .journal = journal_,
                                .first_generation = static_cast<std::uint64_t>(now.count())});
}

Result<> Agent::open_adapters() {
  if (guest_) {
    adapters_ = guest_->host();
    open_guests();  // none will ever be told
    guest_->start(*store_);
    return adapters_->start();
  }
  adapters_ = adapter::Host::create(
      loop_, host_options(config_),
      // Events come while the loop runs, which is after open().
      [this](adapter::AdapterEvent event) {
        const bool synced = event.kind == adapter::AdapterEvent::Kind::synced;
        const std::string name = event.adapter;
        feed_->take(std::move(event));
        if (synced) {
          unenrolled_->synced(name);
        }
      },
      [this](int level, std::string_view name, std::string_view message) {
        // USHER_LOG_DEBUG … USHER_LOG_ERROR of the C ABI count from 1.
        journal_.adapter_said(static_cast<LogLevel>(std::clamp(level - 1, 0, 3)), name, message);
      });
  open_guests();
  adapters_->serve_guests(*guests_);
  if (auto started = adapters_->start(); !started) {
    return started;
  }
  for (const auto& info : adapters_->adapters()) {
    journal_.log().info(info.state == adapter::AdapterInfo::State::running ? "adapter is running"
                                                                           : "adapter does not run",
                        {{"adapter", info.name}, {"reason", info.reason}});
  }
  if (const auto unserved = unserved_warning(adapters_->adapters(), config_.tetragon_runtime)) {
    journal_.log().warning(*unserved);
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

Result<> Agent::answer_unenrolled() {
  unenrolled_.emplace(loop_, *enforcer_, journal_,
                      UnenrolledPods::Wanted{.answer = unenrolled_answer(config_.unenrolled),
                                             .pause_programs = config_.pause_programs,
                                             .pod_cgroups = config_.pod_cgroups,
                                             .agent_cgroup = locator_.own_pod_cgroup,
                                             .agent_program = locator_.own_program,
                                             .next_pod_problem = locator_.own_pod_problem});
  std::vector<std::string> running;
  for (const auto& info : adapters_->adapters()) {
    // In a guest nobody lists what runs.
    if (!guest_ && info.state == adapter::AdapterInfo::State::running) {
      running.push_back(info.name);
    }
  }
  return unenrolled_->start(*profiles_, running);
}

Result<> Agent::open_service() {
  enrolment_.emplace(Enrolment::Parts{registry_, *profiles_, policies_, *records_, *enforcer_,
                                      *adapters_, journal_, locator_, sandboxes_,
                                      config_.hook_deadline * 8 / 10,
                                      [this](std::uint32_t slot) { lifetimes_->check(slot); },
                                      [this](const Entry& entry) {
                                        if (guest_) {
                                          guest_->runs(entry);
                                        }
                                      }});
  prepared_.emplace(
      Prepared::Parts{loop_, sandboxes_, registry_, policies_, *profiles_, *enforcer_});
  profiles_->when_full([this] { return prepared_->make_room(); });
  feed_.emplace(Feed::Parts{loop_, sandboxes_, *enrolment_, registry_, *enforcer_, journal_,
                            locator_, *guests_, *prepared_,
                            [this](std::uint32_t slot) { lifetimes_->check(slot); }});
  feed_->adopted();
  service_.emplace(Service::Parts{*enrolment_, registry_, *profiles_, *rules_, *store_, *records_,
                                  *enforcer_, *adapters_, hub_, journal_, *guests_,
                                  [this] { reload("asked for"); }, [this] { return warnings(); },
                                  locator_.now(), adopted_.adopted, config_.tetragon_runtime,
                                  [this] { return feed_->found_running(); }});
  api::ServerOptions options;
  options.hook_socket = config_.hook_socket;
  options.admin_socket = config_.admin_socket;
  options.tetragon_socket = config_.tetragon_socket;
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

}  // namespace usher::agent
