// The kernel side as the agent sees it: load or adopt the programs and maps, enrol, switch,
// release, read events. Only this part of Usher knows libbpf.
//
// Threads: everything on the agent's loop thread. No call blocks longer than a few bpf() system
// calls, but for open() (about 150 ms, loads programs), publish() when the arena's only room still
// waits for its grace period (about 10 ms), and the passes over all tasks (tag_running, holders:
// about a millisecond for 1,000 threads). Grace periods are waited for on a thread of the
// enforcer's own, which touches nothing else.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "identity/identity.hpp"
#include "policy/compile.hpp"
#include "usher_bpf.h"

namespace usher::enforce {

enum class Backend : std::uint8_t { lsm, tracepoint, none };

// As people write it.
constexpr std::string_view word(Backend backend) {
  return backend == Backend::lsm ? "lsm" : backend == Backend::tracepoint ? "tracepoint" : "none";
}

struct Options {
  std::string backend = "auto";                      // auto, lsm, tracepoint
  std::filesystem::path pins = "/sys/fs/bpf/usher";  // below it: v<USHER_LAYOUT>/
  std::filesystem::path cgroup_root;                 // cgroup2 mount; empty = found
  std::uint32_t event_burst = 10;
  std::uint32_t event_window_ms = 1000;
};

// A workload's slot as found in the kernel's maps at adoption.
struct EnrolledSlot {
  std::uint32_t slot = 0;
  usher_workload value{};
};

struct Handle {  // a task that carries a workload
  std::uint32_t pid = 0;
  std::uint32_t workload = 0;
  auto operator<=>(const Handle&) const = default;
};

// What happens to execs in pods by tasks that nobody enrolled.
struct Unenrolled {
  std::uint32_t answer = USHER_UNENROLLED_ALLOW;
  std::uint32_t profile = 0;             // that exempt programs are held to
  std::vector<std::string> programs;     // exempt: absolute paths in the container's root
  std::vector<std::string> pod_cgroups;  // names of the cgroups that pods lie below
  std::uint64_t agent_cgroup = 0;        // the agent's own pod, which is left alone; 0: none
  // The agent's path in its container's root: the first program of a new pod of its own, left alone
  // where it was given the node's pid namespace and capabilities over it. Empty: it is in no pod.
  std::string agent_program;
};

class Enforcer {
 public:
  // Loads and pins, or takes over what is pinned (then `adopted()`), attaches, reads the host's
  // roots. Enforcement that was there goes on throughout, and after an error, too. Errors say what
  // this kernel lacks and what to do. The pins are locked: one enforcer at a time.
  static Result<std::unique_ptr<Enforcer>> open(const Options& options);
  // An enforcer that enforces nothing (backend none), for a guest whose kernel cannot: workloads
  // are told apart and admitted, policies are refused unless they say `degrade = true`. `why` is
  // its warning.
  static Result<std::unique_ptr<Enforcer>> open_none(std::string why);
  virtual ~Enforcer() = default;

  virtual Backend backend() const = 0;
  virtual policy::Capabilities capabilities() const = 0;
  virtual const usher_key& key() const = 0;
  virtual bool adopted() const = 0;
  virtual std::vector<std::string> warnings() const = 0;  // 6.1 with full preemption, …

  // -- profiles. Publishing writes memory and reads it back; nothing refers to it before switch_to.
  virtual Result<std::uint32_t> publish(const policy::ProfileImage& image) = 0;
  // Its publisher needs it no more. It stays while workloads refer to it (it cannot be given to
  // others then); after the last one its cells are reused, when a grace period has gone by.
  // Profiles found at adoption are those that enrolled() names: each is to be retired once its
  // workloads have been switched to one of this agent's.
  virtual void retire(std::uint32_t profile) = 0;
  // All zero for an index that is not in use.
  virtual const usher_profile& profile(std::uint32_t index) const = 0;
  // Only the cells of profiles in use may be read: the rest is not mapped.
  virtual std::span<const usher_cell> arena() const = 0;
  virtual std::uint32_t cells_used() const = 0;

  // -- workloads. enrol writes the slot, the cgroup's and the mount namespace's entry and reads all
  // back: three writes, whatever the policies. An existing enrolment of the cgroup or namespace is
  // an error.
  virtual Result<std::uint32_t> enrol(const identity::Placement& placement, std::uint32_t profile,
                                      std::uint32_t flags) = 0;
  virtual Result<> switch_to(std::uint32_t slot, std::uint32_t profile) = 0;  // one atomic store
  virtual std::uint32_t incarnation(std::uint32_t slot) const = 0;
  // It was enrolled with USHER_WORKLOAD_AWAITED and runs: passes tag its tasks from now on.
  virtual Result<> begun(std::uint32_t slot) = 0;
  virtual Result<> release(std::uint32_t slot) = 0;  // nothing is judged any more
  // The cgroup is gone: new tasks cannot be armed by it. The slot stays, and so does the mount
  // namespace's entry: tasks that moved out of the cgroup may live in it. Idempotent.
  virtual Result<> end(std::uint32_t slot) = 0;
  // Its mount namespace is gone and the number is another's by now: only its cgroup arms from here.
  virtual Result<> leave_mntns(std::uint32_t slot) = 0;
  // Nobody carries it (holders() says so, after end()): the slot may be reused.
  virtual Result<> forget(std::uint32_t slot) = 0;
  virtual std::vector<EnrolledSlot> enrolled() const = 0;

  // Tags tasks that ran before they were enrolled, until a pass finds nothing new; the count.
  virtual Result<std::uint32_t> tag_running() = 0;
  // The same for the tasks in that cgroup and below it: its processes are looked at and no others,
  // where they are few.
  virtual Result<std::uint32_t> tag_running_in(const identity::Placement& placement) = 0;
  // Who carries which workload: every thread, sorted. Two passes joined.
  virtual Result<std::vector<Handle>> holders() = 0;
  // Which workload the process behind a pidfd carries; 0 = none. One system call.
  virtual Result<std::uint32_t> workload_of(int pidfd) const = 0;

  // -- events
  virtual int events_fd() const = 0;  // readable: call consume
  // Hands on all that is there; the sink must not throw. Records that make no sense are left out
  // and are an error, after the others have been handed on.
  virtual Result<> consume(const std::function<void(const usher_kernel_event&)>& sink) = 0;
  // Suppressed counts that no event has told and no earlier call: each one is told once, here or in
  // the next event's `suppressed`, which consume() lowers by what was told here. Also drops the
  // records of workloads that are gone: call it now and then.
  struct Suppressed {
    std::uint32_t workload;
    std::uint32_t rule;
    std::uint64_t count;
  };
  virtual std::vector<Suppressed> take_suppressed() = 0;
  virtual std::vector<std::uint64_t> counters() const = 0;  // by USHER_COUNT_*

  // -- node
  virtual Result<> set_audit(bool audit) = 0;
  virtual bool audit() const = 0;
  // In force when this returns, and until it is called again, whether or not an agent runs. At most
  // USHER_EXEMPT_PROGRAMS programs and USHER_POD_ROOTS names.
  virtual Result<> set_unenrolled(const Unenrolled& wanted) = 0;
  virtual std::uint32_t unenrolled() const = 0;  // USHER_UNENROLLED_*
  // The slot of all exempt programs, of which enrolled() does not tell; 0: there is none yet.
  virtual std::uint32_t exempt_slot() const = 0;
  // The cgroup2 mount that placements are relative to.
  virtual const std::filesystem::path& cgroup_root() const = 0;

  // Unpins everything of ours below `pins`, of every layout, and waits until the kernel has let go:
  // then enforcement has ended, whether or not an agent runs (a running one goes on without
  // effect). What others put there is left, and is an error that names the directory. Works without
  // an Enforcer.
  static Result<> teardown(const std::filesystem::path& pins);
  // Whether an earlier enforcer's programs are attached by pins below `pins`.
  static bool attached(const std::filesystem::path& pins);
};

}  // namespace usher::enforce
