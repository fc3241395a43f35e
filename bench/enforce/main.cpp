// What the enforcer costs on this kernel: start, publishing, enrolling, memory. Needs root; pins
// into a BPF file system of its own in a mount namespace of its own.
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "enforce/enforcer.hpp"

namespace {

int map_updates = 0;

}  // namespace

// Stands before libbpf's own, so that each update of a map by system call is counted.
extern "C" int bpf_map_update_elem(int fd, const void* key, const void* value, __u64 flags) {
  ++map_updates;
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.map_fd = static_cast<__u32>(fd);
  attr.key = reinterpret_cast<__u64>(key);
  attr.value = reinterpret_cast<__u64>(value);
  attr.flags = flags;
  return static_cast<int>(::syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof attr));
}

namespace {

namespace fs = std::filesystem;
using usher::enforce::Enforcer;
using usher::enforce::Options;

template <class T>
T must(usher::Result<T> result) {
  if (!result) {
    fmt::print(stderr, "enforce_bench: {}\n", result.error().message);
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

template <class Work>
double milliseconds(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

void figure(std::string_view name, double value, std::string_view unit, double at_most) {
  fmt::print("bench {:<44} {:>10.3f} {:<14} goal <= {} {}\n", name, value, unit, at_most,
             value <= at_most ? "PASS" : "SHORT");
}

usher::policy::ProfileImage profile_of(const Enforcer& enforcer, int paths) {
  auto policy = std::make_shared<usher::policy::Policy>();
  policy->name = "bench";
  usher::policy::Rule rule;
  rule.name = "paths";
  for (int i = 0; i < paths; ++i) {
    rule.paths.push_back({usher::policy::PathPattern::Form::exact,
                          fmt::format("/srv/app{}/share/file{}", i % 50, i)});
  }
  policy->rules.push_back(std::move(rule));
  const usher::policy::CompileInput input{
      .key = enforcer.key(), .merged = 0, .capabilities = enforcer.capabilities()};
  return must(usher::policy::compile({{policy}}, input, [](const usher::policy::RuleName&) {
    return std::uint32_t{USHER_RULE_FIRST};
  }));
}

double map_mebibytes(const fs::path& maps) {
  double bytes = 0;
  for (const auto& entry : fs::directory_iterator(maps)) {
    const usher::Fd fd(bpf_obj_get(entry.path().c_str()));
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", fd.get()));
    for (std::string name, value; info >> name >> value;) {
      if (name == "memlock:") {
        bytes += std::stod(value);
      }
    }
  }
  return bytes / (1 << 20);
}

double resident_mebibytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void measure(const Options& options) {
  const double resident_before = resident_mebibytes();
  std::unique_ptr<Enforcer> enforcer;
  const double fresh = milliseconds([&] { enforcer = must(Enforcer::open(options)); });
  figure("enforcer_start_fresh", fresh, "ms", 500);

  // The first profile with 1,000 paths, from its rules to what was read back.
  std::uint32_t profile = 0;
  const double load =
      milliseconds([&] { profile = must(enforcer->publish(profile_of(*enforcer, 1000))); });
  figure("first_load_of_1000_paths", load, "ms", 20);

  std::vector<double> enrolments;
  usher::identity::Placement placement;
  placement.cgroup_path = "/bench";
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    placement.cgroup_id = (std::uint64_t{1} << 62) + i;
    placement.mntns = 4'000'000'000U + i;
    map_updates = 0;
    enrolments.push_back(milliseconds([&] { must(enforcer->enrol(placement, profile, 0)); }));
    if (i == 1 || i == 1000) {
      // The slot itself is written through its mapping.
      figure(fmt::format("map_updates_of_enrolment_{}", i), map_updates + 1, "updates", 3);
    }
  }
  std::ranges::sort(enrolments);
  figure("enrolment_p50", enrolments[500], "ms", 1);
  figure("enrolment_p99", enrolments[990], "ms", 1);

  const auto other = must(enforcer->publish(profile_of(*enforcer, 1000)));
  const double switching = milliseconds([&] {
    for (const auto& slot : enforcer->enrolled()) {
      must(enforcer->switch_to(slot.slot, other));
    }
  });
  figure("switch_of_1000_workloads", switching, "ms", 250);
  figure("retire", milliseconds([&] { enforcer->retire(profile); }), "ms", 20);
  figure("holders", milliseconds([&] { (void)must(enforcer->holders()); }), "ms", 20);

  figure("bpf_maps_memory", map_mebibytes(options.pins / "v1" / "maps"), "MiB", 32);
  figure("enforcer_resident_growth", resident_mebibytes() - resident_before, "MiB", 30);
  enforcer.reset();
  const double adopted = milliseconds([&] { enforcer = must(Enforcer::open(options)); });
  figure("enforcer_start_adopting_1000_workloads", adopted, "ms", 500);
}

}  // namespace

int main() {
  std::string scratch = "/tmp/usher-bench-XXXXXX";
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mkdtemp(scratch.data()) == nullptr ||
      ::mount("bpf", scratch.c_str(), "bpf", 0, nullptr) != 0) {
    fmt::print(stderr, "enforce_bench: cannot mount a BPF file system: {}\n", std::strerror(errno));
    return 1;
  }
  Options options;
  options.pins = fs::path(scratch) / "usher";
  measure(options);
  must(Enforcer::teardown(options.pins));
  ::umount2(scratch.c_str(), MNT_DETACH);
  ::rmdir(scratch.c_str());
}
