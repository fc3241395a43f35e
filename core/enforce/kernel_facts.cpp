#include "enforce/kernel_facts.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/utsname.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "base/fd.hpp"
#include "base/kernel_file.hpp"
#include "enforce/libbpf_options.hpp"

namespace usher::enforce {

namespace {

// `r0 = 0; exit`
constexpr std::array<bpf_insn, 2> kReturnZero{
    bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K,
             .dst_reg = BPF_REG_0,
             .src_reg = 0,
             .off = 0,
             .imm = 0},
    bpf_insn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
};

constexpr std::string_view kNeedsBtf =
    "the kernel must be built with CONFIG_DEBUG_INFO_BTF (is /sys/kernel/btf/vmlinux there?)";
constexpr std::string_view kNeedsRights =
    "usherd must run as root in the node's user namespace with CAP_BPF, CAP_PERFMON and "
    "CAP_SYS_ADMIN";

Result<> trial_load(bpf_prog_type type, bpf_attach_type attach, const char* hook,
                    std::string_view what, std::string_view refused) {
  const int id = libbpf_find_vmlinux_btf_id(hook, attach);
  if (id < 0) {
    return fail_system(fmt::format("cannot find the kernel's type of {} {}", what, hook), -id,
                       kNeedsBtf);
  }
  auto options = libbpf_options<bpf_prog_load_opts>();
  options.expected_attach_type = attach;
  options.attach_btf_id = static_cast<__u32>(id);
  const Fd program(
      bpf_prog_load(type, "usher_trial", "GPL", kReturnZero.data(), kReturnZero.size(), &options));
  if (!program) {
    return fail_system(fmt::format("the kernel refuses to load {} programs", what), errno, refused);
  }
  return {};
}

struct Version {
  int major = 0;
  int minor = 0;
};

Version version_of(const utsname& name) {
  Version version;
  if (std::sscanf(name.release, "%d.%d", &version.major, &version.minor) != 2) {
    return {};
  }
  return version;
}

bool fully_preemptible(const utsname& name) {
  if (const auto mode = read_kernel_file("debugfs", "/sys/kernel/debug", "sched/preempt")) {
    return mode->find("(full)") != std::string::npos;
  }
  const std::string_view build = name.version;
  return build.find("PREEMPT") != std::string_view::npos &&
         build.find("PREEMPT_DYNAMIC") == std::string_view::npos;
}

}  // namespace

Result<> lsm_usable() {
  // BPF LSM programs load, and are never called, where the list lacks bpf: not to know is to
  // refuse.
  const auto list = read_kernel_file("securityfs", "/sys/kernel/security", "lsm");
  if (!list) {
    return fail_in("cannot tell whether the kernel calls BPF LSM programs", list.error());
  }
  if (("," + *list + ",").find(",bpf,") == std::string::npos) {
    return fail(
        fmt::format("the kernel does not call BPF LSM programs: its list of security modules is "
                    "\"{}\"; boot it with lsm={},bpf on its command line",
                    *list, *list));
  }
  return trial_load(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "file_open", "BPF LSM",
                    "it needs CONFIG_BPF_LSM=y and a kernel that lets root load them");
}

Result<> tracing_usable() {
  return trial_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "sched_process_exec", "BPF tracing",
                    kNeedsRights);
}

std::vector<std::string> kernel_warnings() {
  utsname name{};
  ::uname(&name);
  const Version version = version_of(name);
  std::vector<std::string> warnings;
  // Seen on 6.1: with full preemption a program that runs already is skipped for other tasks.
  const bool old = version.major < 6 || (version.major == 6 && version.minor < 12);
  if (old && fully_preemptible(name)) {
    warnings.push_back(fmt::format(
        "kernel {} runs with full preemption and then skips some BPF programs: denied operations "
        "can get through; boot it with preempt=voluntary",
        name.release));
  }
  return warnings;
}

}  // namespace usher::enforce
