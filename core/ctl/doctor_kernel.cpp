// The kernel: version, types, security modules, the trial loads, preemption.
#include <fmt/format.h>

#include <cstdio>

#include "ctl/doctor.hpp"

namespace usher::ctl::doctor {
namespace {

constexpr const char* kGroup = "kernel";
using State = Finding::State;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

// "none voluntary (full)" → full
std::string preemption_of(const Sources& sources) {
  const auto modes = sources.kernel_file("debugfs", "/sys/kernel/debug", "sched/preempt");
  if (modes) {
    const auto open = modes->find('(');
    const auto close = modes->find(')', open);
    if (open != std::string::npos && close != std::string::npos) {
      return modes->substr(open + 1, close - open - 1);
    }
  }
  // Without PREEMPT_DYNAMIC the build line tells what was compiled in.
  const auto& version = sources.version;
  if (version.find("PREEMPT_DYNAMIC") != std::string::npos) {
    return {};
  }
  return version.find("PREEMPT") != std::string::npos ? "full" : "voluntary";
}

void check_version(const Sources& sources, const Kernel& kernel, Diagnosis& out) {
  if (kernel.at_least(6, 1)) {
    out.findings.push_back({kGroup, "version", State::ok, "Linux " + sources.release, ""});
  } else {
    out.findings.push_back({kGroup, "version", State::warning,
                            "Linux " + sources.release + " is older than what Usher is tested on",
                            "run 6.1 or later"});
  }
  const auto types = sources.root / "sys/kernel/btf/vmlinux";
  if (std::filesystem::exists(types)) {
    out.findings.push_back({kGroup, "btf", State::ok, "the kernel describes its types", ""});
  } else {
    out.findings.push_back({kGroup, "btf", State::missing,
                            types.native() + " is not there: no program can be fitted to this "
                                             "kernel",
                            "run a kernel built with CONFIG_DEBUG_INFO_BTF=y"});
  }
}

void check_lsm_list(const Sources& sources, Diagnosis& out) {
  const auto file = sources.kernel_file("securityfs", "/sys/kernel/security", "lsm");
  if (!file) {
    out.findings.push_back({kGroup, "lsm-list", State::warning,
                            "the list of security modules cannot be read: " + file.error().message,
                            "run this as root"});
    return;
  }
  const auto list = trimmed(*file);
  if (("," + list + ",").find(",bpf,") != std::string::npos) {
    out.findings.push_back({kGroup, "lsm-list", State::ok, "bpf is among " + list, ""});
  } else {
    out.findings.push_back({kGroup, "lsm-list", State::missing, "bpf is not among " + list,
                            fmt::format("add lsm={},bpf to the kernel's command line "
                                        "(GRUB_CMDLINE_LINUX in /etc/default/grub, then "
                                        "update-grub and reboot)",
                                        list)});
  }
}

// True when the trial says yes.
bool trial(const std::function<Result<>()>& load, const char* id, const char* what, bool is_root,
           Diagnosis& out) {
  if (!load || !is_root) {
    out.findings.push_back({kGroup, id, State::warning, std::string(what) + " were not tried",
                            is_root ? "" : "run this as root"});
    return false;
  }
  if (const auto loaded = load(); !loaded) {
    out.findings.push_back({kGroup, id, State::missing, loaded.error().message, ""});
    return false;
  }
  out.findings.push_back({kGroup, id, State::ok, std::string(what) + " load", ""});
  return true;
}

void check_preemption(const Sources& sources, const Kernel& kernel, Diagnosis& out) {
  if (kernel.preemption.empty()) {
    out.findings.push_back({kGroup, "preemption", State::note,
                            "the preemption model cannot be read",
                            sources.is_root ? "" : "run this as root"});
    return;
  }
  if (kernel.preemption == "full" && !kernel.at_least(6, 12)) {
    out.findings.push_back({kGroup, "preemption", State::warning,
                            "full preemption: kernels before 6.12 then skip some BPF programs, "
                            "and denied operations can get through",
                            "boot with preempt=voluntary"});
    return;
  }
  out.findings.push_back({kGroup, "preemption", State::ok, kernel.preemption, ""});
}

}  // namespace

Kernel kernel_of(const Sources& sources) {
  Kernel kernel;
  if (std::sscanf(sources.release.c_str(), "%d.%d", &kernel.major, &kernel.minor) != 2) {
    kernel.major = 0;
  }
  kernel.preemption = preemption_of(sources);
  return kernel;
}

void check_kernel(const Sources& sources, const Kernel& kernel, Diagnosis& out) {
  check_version(sources, kernel, out);
  check_lsm_list(sources, out);
  out.bpf_lsm = trial(sources.try_lsm, "bpf-lsm", "BPF LSM programs", sources.is_root, out);
  const bool tracing =
      trial(sources.try_tracing, "bpf-tracing", "BPF tracing programs", sources.is_root, out);
  out.backend = out.bpf_lsm ? "lsm" : tracing ? "tracepoint" : "none";
  if (out.backend == "tracepoint") {
    // What the trial calls missing has a way around it: say which.
    out.findings.push_back({kGroup, "backend", State::warning,
                            "the tracepoint backend is left: exec, connect and bind only",
                            "run a kernel that takes BPF LSM programs for file rules"});
  }
  check_preemption(sources, kernel, out);
}

}  // namespace usher::ctl::doctor
