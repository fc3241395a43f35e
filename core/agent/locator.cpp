#include "agent/locator.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>

#include "base/file.hpp"
#include "identity/cgroup_path.hpp"
#include "identity/membership.hpp"
#include "identity/placement.hpp"

namespace usher::agent {

namespace {

std::string path_of_self() {
  const auto text = read_file("/proc/self/cgroup", 64U << 10);
  return text ? identity::unified_path(*text).value_or("") : "";
}

std::uint64_t id_of(const std::string& directory) {
  struct stat found{};
  return ::stat(directory.c_str(), &found) == 0 ? found.st_ino : 0;
}

// The part of `path` that is the pod's; empty: it is no pod's.
std::string pod_part(std::string path) {
  const auto pod = identity::owner_of(path).pod_uid;
  if (pod.empty()) {
    return "";
  }
  for (auto above = path; !above.empty() && identity::owner_of(above).pod_uid == pod;
       above.resize(above.rfind('/'))) {
    path = above;
  }
  return path;
}

// A cgroup of which only the id is known: kernfs takes the id as a file handle.
Fd open_by_id(const std::filesystem::path& root, std::uint64_t id) {
  constexpr int kKernfsHandle = 0xfe;  // FILEID_KERNFS in linux/exportfs.h
  const Fd mount(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  alignas(file_handle) std::array<unsigned char, sizeof(file_handle) + sizeof id> buffer{};
  auto* handle = reinterpret_cast<file_handle*>(buffer.data());
  handle->handle_bytes = sizeof id;
  handle->handle_type = kKernfsHandle;
  std::memcpy(handle->f_handle, &id, sizeof id);
  return Fd(::open_by_handle_at(mount.get(), handle, O_PATH | O_CLOEXEC));
}

std::string path_of_id(const std::filesystem::path& root, std::uint64_t id) {
  const Fd found = open_by_id(root, id);
  std::error_code gone;
  const auto path =
      found ? std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(found.get()), gone)
                  .native()
            : std::string();
  const auto& top = root.native();
  return path.starts_with(top + "/") && !path.ends_with(" (deleted)") ? path.substr(top.size())
                                                                      : "";
}

std::string own_program() {
  std::error_code problem;
  return std::filesystem::read_symlink("/proc/self/exe", problem).native();
}

// The kernel's numbers of the namespaces that it begins with: PROC_*_INIT_INO.
constexpr std::uint64_t kFirstCgroups = 0xEFFFFFFB;
constexpr std::uint64_t kFirstPids = 0xEFFFFFFC;
constexpr std::uint64_t kFirstUsers = 0xEFFFFFFD;

bool is_first(const std::string& name, std::uint64_t number) {
  return id_of("/proc/self/ns/" + name) == number;
}

// What bpf/unenrolled.bpf.h asks of a task, asked of this one; and that nobody in its container
// started it, who would be the first program of the next one.
std::string problem_of_own_pod(const std::string& own_cgroup) {
  if (!is_first("pid", kFirstPids)) {
    return "its pod is not in the node's pid namespace (hostPID: true)";
  }
  if (!is_first("user", kFirstUsers)) {
    return "its pod is in a user namespace of its own";
  }
  const auto status = read_file("/proc/self/status", 64U << 10).value_or("");
  constexpr std::string_view kEffective = "\nCapEff:\t";
  const auto at = status.find(kEffective);
  std::uint64_t effective = 0;
  if (at != status.npos) {
    const auto* begin = status.data() + at + kEffective.size();
    std::from_chars(begin, status.data() + status.size(), effective, 16);
  }
  constexpr std::uint64_t kNeeded = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYS_PTRACE;
  if ((effective & kNeeded) != kNeeded) {
    return "its container lacks CAP_SYS_ADMIN or CAP_SYS_PTRACE";
  }
  const auto parent = "/proc/" + std::to_string(::getppid()) + "/cgroup";
  if (identity::unified_path(read_file(parent, 64U << 10).value_or("")).value_or("") ==
      own_cgroup) {
    return "another program of its container started it: make usherd the container's command";
  }
  return "";
}

}  // namespace

Locator machine_locator(const std::filesystem::path& cgroup_root) {
  const auto own = path_of_self();
  const auto own_pod = pod_part(own);
  const identity::PlacementOptions at_gate{.cgroup_root = cgroup_root};
  identity::PlacementOptions running = at_gate;
  running.running = true;
  return {
      .place = [at_gate](int pid) { return identity::place(pid, at_gate); },
      .merged = [](const identity::OciState& state) -> Result<std::uint32_t> {
        const auto rootfs = identity::rootfs_of(state);
        if (!rootfs) {
          return std::unexpected(rootfs.error());
        }
        return identity::merged_directories(*rootfs);
      },
      .place_running = [running](int pid) { return identity::place(pid, running); },
      .process_in =
          [running](std::string_view path) { return identity::process_in(path, running); },
      .merged_of = [running](int pid) { return identity::merged_of_process(pid, running); },
      .place_on_host =
          [running](int pid, const std::string& sandbox_id) {
            return identity::place_on_host(pid, sandbox_id, running);
          },
      .merged_on_host =
          [](int pid) {
            return identity::merged_directories("/proc/" + std::to_string(pid) + "/root");
          },
      .hold = [](int pid) -> Result<std::function<bool()>> {
        const auto process =
            std::make_shared<Fd>(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        if (!*process) {
          return fail_system("pidfd_open");
        }
        return [process] {
          pollfd poll_for{process->get(), POLLIN, 0};
          return ::poll(&poll_for, 1, 0) == 0;
        };
      },
      .init_in =
          [at_gate](std::string_view path) { return identity::init_process_in(path, at_gate); },
      .noticed_root =
          [at_gate](const std::string& said, const std::string& cgroups_path, int pid) {
            return identity::noticed_root(said, cgroups_path, pid, at_gate);
          },
      .exists =
          [cgroup_root](const identity::Placement& placement) {
            if (placement.cgroup_path.empty()) {
              return static_cast<bool>(open_by_id(cgroup_root, placement.cgroup_id));
            }
            struct stat found{};
            const auto path = cgroup_root.string() + placement.cgroup_path;
            return ::stat(path.c_str(), &found) == 0 && found.st_ino == placement.cgroup_id;
          },
      .shares_mntns =
          [](const identity::Placement& placement) {
            return identity::mount_namespace_shared(placement.mntns, placement.cgroup_path,
                                                    "/proc");
          },
      .cgroup_path = [cgroup_root](std::uint64_t id) { return path_of_id(cgroup_root, id); },
      .now = [] { return static_cast<std::int64_t>(std::time(nullptr)); },
      .own_cgroup = own.empty() ? 0 : id_of(cgroup_root.string() + own),
      .own_container = identity::owner_of(own).container_id,
      .own_pod_cgroup = own_pod.empty() ? 0 : id_of(cgroup_root.string() + own_pod),
      .own_program = own_pod.empty() ? "" : own_program(),
      .own_pod_problem = is_first("cgroup", kFirstCgroups)
                             ? (own_pod.empty() ? "" : problem_of_own_pod(own))
                             : "its pod has a cgroup namespace of its own",
  };
}

}  // namespace usher::agent
