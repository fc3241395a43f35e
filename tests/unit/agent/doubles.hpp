// Doubles of what the agent talks to. Each says what it stands for.
#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "adapter/host.hpp"
#include "agent/enrolment.hpp"
#include "agent/feed.hpp"
#include "agent/lifetimes.hpp"
#include "agent/policy_store.hpp"
#include "base/file.hpp"

namespace usher::agent::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = "/tmp/usher-agent-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Stands for the kernel's maps and programs: keeps slots and profiles as tables and every change as
// a word in `calls`, in order. Events and tasks are what the test says they are.
class FakeEnforcer : public enforce::Enforcer {
 public:
  std::vector<std::string> calls;
  std::map<std::uint32_t, usher_workload> slots;
  std::map<std::uint32_t, usher_profile> profiles;
  std::vector<enforce::Handle> tasks;
  bool enrol_fails = false;  // what a read-back that differs gives
  bool publish_fails = false;
  std::uint32_t cells = 0;  // in use
  std::vector<usher_cell> cells_of_arena;
  std::uint32_t carried = 0;  // by whatever process is asked about
  std::function<void(const identity::Placement&)> on_enrol;

  enforce::Backend backend() const override { return enforce::Backend::lsm; }
  policy::Capabilities capabilities() const override { return capabilities_; }
  const usher_key& key() const override { return key_; }
  bool adopted() const override { return !slots.empty(); }
  std::vector<std::string> warnings() const override { return {}; }

  Result<std::uint32_t> publish(const policy::ProfileImage& image) override {
    if (publish_fails) {
      return fail("no room for a profile");
    }
    const auto index = next_profile_++;
    profiles[index] = image.header;
    calls.push_back("publish " + std::to_string(index));
    return index;
  }
  void retire(std::uint32_t profile) override {
    profiles.erase(profile);
    calls.push_back("retire " + std::to_string(profile));
  }
  const usher_profile& profile(std::uint32_t index) const override {
    const auto found = profiles.find(index);
    return found == profiles.end() ? no_profile_ : found->second;
  }
  std::span<const usher_cell> arena() const override { return cells_of_arena; }
  std::uint32_t cells_used() const override { return cells; }

  Result<std::uint32_t> enrol(const identity::Placement& placement, std::uint32_t profile,
                              std::uint32_t flags) override {
    if (on_enrol) {
      on_enrol(placement);
    }
    if (enrol_fails) {
      return fail("workload 1 reads back other than it was written");
    }
    const auto slot = next_slot_++;
    usher_workload value{};
    value.profile = profile;
    value.flags = flags | USHER_WORKLOAD_LIVE;
    value.cgroup = placement.cgroup_id;
    value.mntns = placement.mntns;
    value.incarnation = 1;
    slots[slot] = value;
    calls.push_back("enrol " + std::to_string(slot));
    return slot;
  }
  Result<> switch_to(std::uint32_t slot, std::uint32_t profile) override {
    if (profile != 0 && !profiles.contains(profile)) {
      return fail("profile is not published");
    }
    slots.at(slot).profile = profile;
    calls.push_back("switch " + std::to_string(slot) + " to " + std::to_string(profile));
    return {};
  }
  std::uint32_t incarnation(std::uint32_t slot) const override {
    return slots.at(slot).incarnation;
  }
  Result<> begun(std::uint32_t slot) override {
    slots.at(slot).flags &= ~USHER_WORKLOAD_AWAITED;
    return {};
  }
  Result<> release(std::uint32_t slot) override {
    slots.at(slot).flags |= USHER_WORKLOAD_RELEASED;
    return {};
  }
  Result<> end(std::uint32_t slot) override {
    calls.push_back("end " + std::to_string(slot));
    return {};
  }
  Result<> leave_mntns(std::uint32_t slot) override {
    calls.push_back("leave " + std::to_string(slot));
    return {};
  }
  Result<> forget(std::uint32_t slot) override {
    slots.erase(slot);
    calls.push_back("forget " + std::to_string(slot));
    return {};
  }
  std::vector<enforce::EnrolledSlot> enrolled() const override {
    std::vector<enforce::EnrolledSlot> out;
    for (const auto& [slot, value] : slots) {
      out.push_back({slot, value});
    }
    return out;
  }
  Result<std::uint32_t> tag_running() override {
    calls.emplace_back("tag");
    return 0U;
  }
  Result<std::uint32_t> tag_running_in(const identity::Placement& placement) override {
    calls.push_back("tag in " + placement.cgroup_path);
    return 0U;
  }
  Result<std::vector<enforce::Handle>> holders() override { return tasks; }
  Result<std::uint32_t> workload_of(int) const override { return carried; }
  int events_fd() const override { return -1; }
  Result<> consume(const std::function<void(const usher_kernel_event&)>&) override { return {}; }
  std::vector<Suppressed> take_suppressed() override { return {}; }
  std::vector<std::uint64_t> counters() const override { return {}; }
  Result<> set_audit(bool audit) override {
    audit_ = audit;
    return {};
  }
  bool audit() const override { return audit_; }
  Result<> set_unenrolled(const enforce::Unenrolled& wanted) override {
    unenrolled_ = wanted;
    calls.push_back("unenrolled " + std::to_string(wanted.answer));
    return {};
  }
  std::uint32_t unenrolled() const override { return unenrolled_.answer; }
  std::uint32_t exempt_slot() const override { return 0; }
  const enforce::Unenrolled& unenrolled_rules() const { return unenrolled_; }
  const std::filesystem::path& cgroup_root() const override { return root_; }

  void use(policy::Capabilities capabilities) { capabilities_ = std::move(capabilities); }

 private:
  policy::Capabilities capabilities_ = policy::lsm_capabilities();
  usher_key key_{1, 3, 5, 7};
  std::uint32_t next_slot_ = 1;
  std::uint32_t next_profile_ = 1;
  bool audit_ = false;
  enforce::Unenrolled unenrolled_;
  usher_profile no_profile_{};
  std::filesystem::path root_ = "/sys/fs/cgroup";
};

// Stands for the adapter of runtime "fake": it believes what the test puts into `who`, by id.
class FakeHost : public adapter::Host {
 public:
  std::map<std::string, identity::Identity> who;
  identity::OciState asked;  // the state of the last question
  std::function<void()> on_question;
  // What relays were told, in words: "3 c1", "policies s1 7: a b".
  std::vector<std::string> told;
  adapter::GuestPolicies last_policies;

  void tell_container(adapter::AdapterEvent::Kind kind, const identity::Identity& of) override {
    told.push_back(std::to_string(static_cast<int>(kind) + USHER_EVENT_SANDBOX_STARTING) + " " +
                   (of.container_id.empty() ? of.sandbox_id : of.container_id));
  }
  void tell_policies(const std::string& sandbox_id,
                     const adapter::GuestPolicies& policies) override {
    std::string names;
    for (const auto& policy : policies.items) {
      names += " " + policy.name;
    }
    told.push_back("policies " + sandbox_id + " " + std::to_string(policies.generation) + ":" +
                   names);
    last_policies = policies;
  }
  std::string
      known_as;  // the runtime that policies know all containers by; empty: as the hook says

  Result<> start() override { return {}; }
  asio::awaitable<Result<identity::Identity>> identify(std::string runtime,
                                                       identity::OciState state, std::string,
                                                       std::chrono::milliseconds) override {
    asked = state;
    if (on_question) {
      on_question();
    }
    if (runtime != "fake") {
      co_return fail("no adapter serves it");
    }
    if (!who.contains(state.id)) {
      co_return fail("the adapter does not know it");
    }
    co_return who[state.id];
  }
  std::string runtime_of(const identity::Identity&, const std::string& named) override {
    return known_as.empty() ? named : known_as;
  }
  std::vector<adapter::AdapterInfo> adapters() const override { return {}; }
  asio::awaitable<void> stop(std::chrono::milliseconds) override { co_return; }
};

// Stands for the machine: pid → placement, and which cgroups are still there.
struct FakeMachine {
  std::map<int, identity::Placement> processes;
  std::set<std::uint64_t> cgroups;
  std::set<std::uint32_t> shared_mntns;
  std::map<std::string, std::string> roots;  // what a hook says → where it is
  std::set<int> ended;                       // processes that were held and are gone

  Locator locator() {
    return {.place = [this](int pid) -> Result<identity::Placement> {
              if (!processes.contains(pid)) {
                return fail("process " + std::to_string(pid) + " is gone", ESRCH);
              }
              return processes[pid];
            },
            .merged = [](const identity::OciState&) { return Result<std::uint32_t>(0U); },
            .place_running = [this](int pid) { return locator().place(pid); },
            .process_in = [this](std::string_view path) -> Result<int> {
              for (const auto& [pid, placement] : processes) {
                if (placement.cgroup_path == path) {
                  return pid;
                }
              }
              return fail("nobody runs in it");
            },
            .merged_of = [](int) { return Result<std::uint32_t>(0U); },
            .place_on_host = [this](int pid, const std::string&) -> Result<identity::Placement> {
              auto placement = locator().place(pid);
              if (placement) {
                placement->mntns = 0;
              }
              return placement;
            },
            .merged_on_host = [](int) { return Result<std::uint32_t>(0U); },
            .hold = [this](int pid) -> Result<std::function<bool()>> {
              return std::function<bool()>([this, pid] { return !ended.contains(pid); });
            },
            .init_in = [this](std::string_view path) { return locator().process_in(path); },
            .noticed_root = [this](const std::string& said, const std::string&,
                                   int) -> Result<std::filesystem::path> {
              return roots.contains(said) ? Result<std::filesystem::path>(roots.at(said))
                                          : fail("the hook says that it is \"" + said + "\"");
            },
            .exists =
                [this](const identity::Placement& placement) {
                  return cgroups.contains(placement.cgroup_id);
                },
            .shares_mntns =
                [this](const identity::Placement& placement) {
                  return shared_mntns.contains(placement.mntns);
                },
            .cgroup_path = [](std::uint64_t) { return std::string(); },
            .now = [] { return std::int64_t{1'700'000'000}; },
            .own_cgroup = 1,
            .own_container = "agent-itself",
            .own_program = {},
            .own_pod_problem = {}};
  }
};

// The agent's parts over the doubles, wired as agent.cpp wires them.
struct World {
  asio::io_context loop{1};
  TemporaryDirectory run;
  std::ostringstream log_text;
  Log log{LogLevel::debug, LogFormat::json,
          std::make_shared<spdlog::sinks::ostream_sink_st>(log_text)};
  Hub hub{loop.get_executor()};
  Throttle::Clock::time_point clock{};  // of what is limited by the minute
  Journal journal{hub, log, [this] { return clock; }};
  FakeEnforcer enforcer;
  FakeHost host;
  FakeMachine machine;
  Locator locator = machine.locator();
  RuleTable rules = *RuleTable::open(run.path() / "rules");
  Records records = *Records::open(run.path() / "workloads", "boot-1");
  Registry registry;
  Resolution policies;
  ProfileCache profiles{enforcer, rules};
  Lifetimes lifetimes{loop, registry, records, enforcer, journal, locator};
  Sandboxes sandboxes;
  std::vector<std::string> started;  // containers, by a hook's word
  Enrolment enrolment{
      {registry, profiles, policies, records, enforcer, host, journal, locator, sandboxes,
       std::chrono::milliseconds(100), [this](std::uint32_t slot) { lifetimes.check(slot); },
       [this](const Entry& entry) { started.push_back(entry.workload.identity.container_id); }}};
  Guests guests{{.loop = loop,
                 .sandboxes = sandboxes,
                 .policies = policies,
                 .adapters = host,
                 .journal = journal,
                 .first_generation = 1000,
                 .now = [this] { return clock; }}};
  Prepared prepared{
      {loop, sandboxes, registry, policies, profiles, enforcer, [this] { return clock; }}};
  Feed feed{{loop, sandboxes, enrolment, registry, enforcer, journal, locator, guests, prepared,
             [this](std::uint32_t slot) { lifetimes.check(slot); }, [this] { return clock; }}};

  // A container that its runtime is about to start.
  void container(const std::string& id, int pid, std::uint64_t cgroup,
                 const std::string& pod_namespace = "payments") {
    identity::Identity who;
    who.pod_namespace = pod_namespace;
    who.pod_name = "pod-" + id;
    who.container_name = "main";
    who.container_id = id;
    host.who[id] = who;
    machine.processes[pid] = {"/containers/" + id, cgroup, static_cast<std::uint32_t>(cgroup), 0};
    machine.cgroups.insert(cgroup);
  }

  v1::HookResponse hook(v1::HookStage stage, const std::string& id, int pid,
                        const std::string& runtime = "fake") {
    v1::HookRequest request;
    request.set_stage(stage);
    request.set_runtime(runtime);
    request.set_state(R"({"ociVersion":"1.0.2","id":")" + id +
                      R"(","status":"creating","bundle":"/b")" +
                      (pid == 0 ? "" : ",\"pid\":" + std::to_string(pid)) + "}");
    v1::HookResponse answer;
    asio::co_spawn(loop, enrolment.hook(request),
                   [&](std::exception_ptr, v1::HookResponse got) { answer = std::move(got); });
    loop.restart();
    while (answer.verdict() == v1::HookResponse::VERDICT_UNSPECIFIED && loop.run_one() != 0) {
    }
    return answer;
  }
  bool gate(const std::string& id, int pid) {
    return hook(v1::HOOK_STAGE_CREATE_RUNTIME, id, pid).verdict() == v1::HookResponse::VERDICT_GO;
  }

  // A policy that denies /bin/sh to a namespace.
  static std::shared_ptr<const policy::Policy> deny_sh(const std::string& name,
                                                       const std::string& pod_namespace) {
    auto policy = std::make_shared<policy::Policy>();
    policy->name = name;
    policy->select.namespaces = {pod_namespace};
    policy::Rule rule;
    rule.name = "no-shell";
    rule.paths = {{policy::PathPattern::Form::exact, "/bin/sh"}};
    policy->rules.push_back(rule);
    return policy;
  }
};

}  // namespace usher::agent::test
