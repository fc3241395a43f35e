// Which cgroup of the host is a sandbox's: Kata's shim, monitor and virtiofsd are in it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace usher::kata {

// `path` names the sandbox: its id is a whole word of a component (cri-containerd-ID.scope,
// kata_ID, ID). Only a word's beginning where `id` was cut.
bool names_sandbox(std::string_view path, std::string_view id, bool is_cut = false);
// An id of 64 hexadecimal digits that is a word of the path, the last one; empty: none.
std::string some_id_in(std::string_view path);

// The host's, or a test's.
struct Kernel {
  std::filesystem::path proc = "/proc";
  std::filesystem::path cgroups = "/sys/fs/cgroup";

  // With cgroup2 where it is mounted.
  static Kernel here();
};

// The cgroup2 path of a process. Errors: it is gone (ENOENT, ESRCH), there is no cgroup2.
Result<std::string> cgroup_of(const Kernel& kernel, pid_t pid);
// Where the kubelet's drivers and Kata put a sandbox of this pod; nothing where it is in none of
// these. A few stats and the listing of one directory.
std::optional<std::string> sandbox_cgroup(const Kernel& kernel, const std::string& pod_uid,
                                          const std::string& sandbox);
// Processes in it, not in those below.
std::vector<pid_t> processes_of(const Kernel& kernel, const std::string& cgroup);

}  // namespace usher::kata
