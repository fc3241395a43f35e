// What the backend can carry out, and how each known trap of the kernel is met on this node.
#include <fmt/format.h>

#include <cstdlib>

#include "base/file.hpp"
#include "ctl/doctor.hpp"
#include "policy/compile.hpp"
#include "usher_tids.h"

namespace usher::ctl::doctor {
namespace {

using State = Finding::State;

void capability(Diagnosis& out, const char* id, bool can, const std::string& detail) {
  out.findings.push_back(
      {"capabilities", id, can ? State::ok : State::missing, detail,
       can ? "" : "such a policy is refused here unless it says degrade = true"});
}

void trap(Diagnosis& out, const char* id, State state, std::string detail,
          std::string remedy = "") {
  out.findings.push_back({"traps", id, state, std::move(detail), std::move(remedy)});
}

void preemption_traps(const Kernel& kernel, Diagnosis& out) {
  const bool full = kernel.preemption == "full" || kernel.preemption == "lazy";
  if (full && !kernel.at_least(6, 12)) {
    trap(out, "preempt-skip", State::warning,
         "full preemption on this kernel: the recursion check skips programs, denials can be "
         "missed",
         "boot with preempt=voluntary");
  } else {
    trap(out, "preempt-skip", State::ok,
         "programs are not skipped under this kernel's preemption model");
  }
  trap(out, "preempt-scratch", State::ok,
       full ? "full preemption: scratch lies in task storage, where another task cannot spoil it"
            : "scratch lies in task storage, not in per-CPU buffers");
}

// A number under /proc/sys; nothing where this kernel has no such switch.
std::optional<long> sysctl(const Sources& sources, const char* name) {
  const auto text = read_file(sources.root / "proc/sys" / name, 64);
  char* end = nullptr;
  const long value = text ? std::strtol(text->c_str(), &end, 10) : 0;
  return text && end != text->c_str() ? std::optional(value) : std::nullopt;
}

void io_uring_trap(const Sources& sources, Diagnosis& out) {
  const auto disabled = sysctl(sources, "kernel/io_uring_disabled");
  trap(out, "io-uring", State::ok,
       std::string("io_uring workers inherit the identity like forks do; ") +
           (!disabled        ? "this kernel has no switch against io_uring"
            : *disabled == 0 ? "io_uring is there for everybody (kernel.io_uring_disabled = 0)"
            : *disabled == 1 ? "io_uring is for privileged processes only"
                             : "io_uring is switched off"));
}

// The tracepoint backend knows who asks for a socket by a table of thread ids.
void thread_table_trap(const Sources& sources, Diagnosis& out) {
  const auto most = sysctl(sources, "kernel/pid_max");
  const bool fits = most && *most <= TIDS_MARK;
  trap(out, "thread-table", fits ? State::ok : State::note,
       fmt::format("workloads may have {} threads in all; kernel.pid_max is {}", +TIDS_MARK,
                   most ? std::to_string(*most) : "not known"),
       fits ? ""
            : fmt::format("keep the workloads below {} threads in all (kubelet: "
                          "podPidsLimit): beyond, one whose sockets are ruled is killed when it "
                          "forks",
                          +TIDS_MARK));
}

void user_namespace_trap(const Sources& sources, bool lsm, Diagnosis& out) {
  const auto most = sysctl(sources, "user/max_user_namespaces");
  const auto clone = sysctl(sources, "kernel/unprivileged_userns_clone");  // Debian's switch
  if ((most && *most == 0) || (clone && *clone == 0)) {
    trap(out, "user-namespaces", State::ok, "unprivileged processes cannot make user namespaces");
  } else if (lsm) {
    trap(out, "user-namespaces", State::ok,
         "workloads can make user namespaces; what they mount there takes no rule off a file");
  } else {
    trap(
        out, "user-namespaces", State::warning,
        "workloads can make user namespaces and mount over an allowed directory there, which gives "
        "any file an allowed name",
        "sysctl user.max_user_namespaces=0 where nothing needs them, or a kernel with BPF LSM");
  }
}

}  // namespace

void check_capabilities(Diagnosis& out) {
  if (out.backend == "none") {
    return;
  }
  const bool lsm = out.backend == "lsm";
  const auto can = lsm ? policy::lsm_capabilities() : policy::tracepoint_capabilities();
  const auto has = [&](policy::Operation on) {
    return can.operations[static_cast<std::size_t>(on)];
  };
  capability(out, "exec", has(policy::Operation::exec),
             lsm ? "denied before the program is loaded"
                 : "killed before its first instruction; scripts by interpreter and name");
  capability(out, "read", has(policy::Operation::read), "rules on opening files to read");
  capability(out, "write", has(policy::Operation::write),
             "rules on writing, creating, renaming and removing files");
  capability(out, "connect", has(policy::Operation::connect), "rules on TCP and UDP destinations");
  capability(out, "bind", has(policy::Operation::bind), "rules on listening addresses");
  capability(out, "from", can.from, "rules that ask which program acts");
  capability(out, "from-sockets", can.socket_from, "the same for connect and bind");
  capability(out, "unenrolled", true,
             lsm ? "programs of pods that nobody enrolled can be denied; pause programs may not "
                   "exec, write, connect or bind"
                 : "programs of pods that nobody enrolled can be killed as they begin; pause "
                   "programs may not exec, connect or bind, but write");
}

void check_traps(const Sources& sources, const Kernel& kernel, Diagnosis& out) {
  if (out.backend == "none") {
    return;
  }
  const bool lsm = out.backend == "lsm";
  io_uring_trap(sources, out);
  user_namespace_trap(sources, lsm, out);
  trap(out, "threads", State::ok,
       kernel.at_least(6, 12) ? "threads inherit; those that ran before are tagged by the iterator"
                              : "threads inherit; this kernel has no thread pidfds, so those that "
                                "ran before are tagged by the iterator alone");
  trap(out, "no-storage", State::ok,
       lsm ? "a fork whose identity cannot be stored fails with EAGAIN"
           : "a fork whose identity cannot be stored is remembered in a preallocated table");
  preemption_traps(kernel, out);
  if (!lsm) {
    thread_table_trap(sources, out);
    trap(out, "files", State::warning, "files are not judged: only what is executed is named",
         "rules on read and write need a kernel with BPF LSM");
    trap(out, "hard-links", State::warning,
         "a hard link of a denied program is judged by the name that was run",
         "use an allow-list of programs, or a kernel with BPF LSM");
    trap(out, "scripts", State::warning,
         "of a script only the interpreter and the requested name are judged",
         "deny the interpreter, or allow by a list of programs");
    trap(out, "loader", State::warning, "a program started through ld.so is seen as ld.so",
         "deny \"*/ld-linux-x86-64.so.2\" and \"*/ld-musl-x86_64.so.1\" where exec is ruled");
    trap(out, "kill-not-deny", State::note,
         "a denied exec dies by SIGKILL instead of failing with EPERM");
    return;
  }
  trap(out, "overlay", State::ok,
       "the second open that an overlay makes on its own layer is not judged under a wrong name");
  trap(out, "unlinked", State::ok, "an unlinked file keeps the name that it had");
  trap(out, "renames", State::ok,
       "renames and links are judged on their source, and a ruled file's directories stay");
  trap(out, "mounts", State::ok,
       "files on the container's root are named from the root remembered at its start, whatever "
       "chroot, bind mounts and namespaces say");
  trap(out, "memfd", State::ok, "a program without a name is denied where exec is ruled");
  trap(out, "switches", State::ok,
       "a policy change is one store; old rules are reused only after a grace period");
}

}  // namespace usher::ctl::doctor
