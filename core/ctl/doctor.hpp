// `usherctl doctor`: what this node can carry, what it cannot, and what to do. Needs no agent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "ctl/terminal.hpp"

namespace usher::ctl {

struct Finding {
  enum class State : std::uint8_t {
    ok,
    note,     // nothing to do, but worth knowing
    warning,  // works, with a limit
    missing,  // something does not work
  };
  std::string group;  // kernel, node, runtimes, capabilities, traps
  std::string id;     // stable: scripts may look for it
  State state = State::ok;
  std::string detail;
  std::string remedy;  // empty where there is nothing to do
};

// Where the facts come from: the machine's own, or a test's.
struct Sources {
  std::filesystem::path root = "/";  // stands before /proc and /sys
  std::string release;               // uname -r
  std::string version;               // uname -v
  bool is_root = false;
  // A file of a kernel file system, mounted at `mount` or not mounted at all.
  std::function<Result<std::string>(const char* type, const char* mount, const char* file)>
      kernel_file;
  // The trials load a program that is never attached. Empty: not compiled in.
  std::function<Result<>()> try_lsm;
  std::function<Result<>()> try_tracing;
  // First line of `PROGRAM --version`; nothing when the program is not here.
  std::function<std::optional<std::string>(const char* program)> version_of;
};
Sources this_machine();

struct Diagnosis {
  std::vector<Finding> findings;
  bool bpf_lsm = false;  // BPF LSM programs load here and are called
  std::string backend;   // what `backend = "auto"` would choose; "none"
};

Diagnosis diagnose(const Sources& sources);

// kOk when a backend works here, else kFailed.
int show_doctor(const Diagnosis& diagnosis, const Sources& sources, const Terminal& terminal);

namespace doctor {

struct Kernel {
  int major = 0;
  int minor = 0;
  // none, voluntary, full, lazy; empty: not known
  std::string preemption;
  bool at_least(int wanted_major, int wanted_minor) const {
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
  }
};

Kernel kernel_of(const Sources& sources);
// Each adds its lines.
void check_kernel(const Sources& sources, const Kernel& kernel, Diagnosis& out);
void check_node(const Sources& sources, Diagnosis& out);
void check_runtimes(const Sources& sources, Diagnosis& out);
void check_capabilities(Diagnosis& out);
void check_traps(const Sources& sources, const Kernel& kernel, Diagnosis& out);

}  // namespace doctor
}  // namespace usher::ctl
