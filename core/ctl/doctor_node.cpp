// The node: rights, cgroup tree, bpffs, runtimes.
#include <fmt/format.h>

#include <array>

#include "base/file.hpp"
#include "ctl/doctor.hpp"

namespace usher::ctl::doctor {
namespace {

constexpr const char* kGroup = "node";
using State = Finding::State;

void check_cgroups(const Sources& sources, Diagnosis& out) {
  const auto tree = sources.root / "sys/fs/cgroup";
  if (std::filesystem::exists(tree / "cgroup.controllers")) {
    out.findings.push_back({kGroup, "cgroup", State::ok, "one cgroup2 tree", ""});
  } else if (std::filesystem::exists(tree / "unified/cgroup.controllers")) {
    out.findings.push_back({kGroup, "cgroup", State::warning,
                            "a hybrid tree: its cgroup2 part is used; crun does not run on it",
                            "boot with systemd.unified_cgroup_hierarchy=1"});
  } else {
    out.findings.push_back({kGroup, "cgroup", State::missing,
                            "no cgroup2 tree below " + tree.native(),
                            "boot with systemd.unified_cgroup_hierarchy=1"});
  }
}

void check_bpffs(const Sources& sources, Diagnosis& out) {
  const auto mounts = read_file(sources.root / "proc/self/mounts").value_or("");
  if (mounts.find(" /sys/fs/bpf bpf ") != std::string::npos) {
    out.findings.push_back({kGroup, "bpffs", State::ok, "mounted at /sys/fs/bpf", ""});
  } else {
    out.findings.push_back({kGroup, "bpffs", State::missing,
                            "no bpffs at /sys/fs/bpf: enforcement could not outlive the agent",
                            "mount -t bpf bpf /sys/fs/bpf (the systemd of most nodes does)"});
  }
}

}  // namespace

void check_node(const Sources& sources, Diagnosis& out) {
  if (sources.is_root) {
    out.findings.push_back({kGroup, "root", State::ok, "running as root", ""});
  } else {
    out.findings.push_back({kGroup, "root", State::missing,
                            "not root: most of what is checked here cannot be seen",
                            "run this as root"});
  }
  check_cgroups(sources, out);
  check_bpffs(sources, out);
}

void check_runtimes(const Sources& sources, Diagnosis& out) {
  constexpr std::array kPrograms{"runc", "crun", "podman", "crio", "containerd"};
  bool any = false;
  for (const char* program : kPrograms) {
    if (const auto version = sources.version_of(program)) {
      any = true;
      out.findings.push_back({"runtimes", program, State::ok, *version, ""});
    } else {
      out.findings.push_back({"runtimes", program, State::note, "not found", ""});
    }
  }
  if (!any) {
    out.findings.push_back({"runtimes", "any", State::warning, "no container runtime was found",
                            "install one, or look whether it is on this shell's PATH"});
  }
}

}  // namespace usher::ctl::doctor
