// Containers that run already, or whose runtime gives no OCI state: found by cgroup, looked at
// through a process.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "identity/cgroup_path.hpp"
#include "identity/placement.hpp"

namespace usher::identity {
namespace {

constexpr std::size_t kMaxProcesses = 4096;

std::vector<int> processes_of(const std::filesystem::path& cgroup) {
  std::vector<int> pids;
  const auto text = read_file(cgroup / "cgroup.procs").value_or("");
  for (std::string_view rest = text; !rest.empty() && pids.size() < kMaxProcesses;) {
    int pid = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), pid);
    if (problem != std::errc()) {
      break;
    }
    if (pid > 0) {  // 0: in a pid namespace that the agent does not see
      pids.push_back(pid);
    }
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    rest.remove_prefix(rest.starts_with('\n') ? 1 : 0);
  }
  return pids;
}

// A line "NAME:\t…" of /proc/PID/status, from its last number.
int last_number(std::string_view status, std::string_view name) {
  const auto at = status.find(name);
  if (at == std::string_view::npos) {
    return 0;
  }
  auto line = status.substr(at, status.find('\n', at + 1) - at);
  line = line.substr(line.find_last_of("\t ") + 1);
  int value = 0;
  std::from_chars(line.data(), line.data() + line.size(), value);
  return value;
}

struct stat root_of(const std::filesystem::path& proc, const std::string& pid) {
  struct stat info{};
  if (::stat((proc / pid / "root").c_str(), &info) != 0) {
    info = {};
  }
  return info;
}

}  // namespace

Result<int> process_in(std::string_view cgroup_path, const PlacementOptions& options) {
  auto path = expand_cgroups_path(cgroup_path);
  if (!path) {
    return std::unexpected(std::move(path.error()));
  }
  if (path->find('\0') != std::string::npos || (*path + '/').find("/../") != std::string::npos) {
    return fail("cgroup path " + escape(*path) + " is not plain");
  }
  const std::filesystem::path cgroup = options.cgroup_root.native() + *path;
  std::error_code problem;
  if (!std::filesystem::is_directory(cgroup, problem)) {
    return fail("there is no cgroup " + escape(*path), ENOENT);
  }
  std::vector<int> pids = processes_of(cgroup);
  for (std::filesystem::recursive_directory_iterator it(cgroup, problem), end;
       pids.empty() && !problem && it != end; it.increment(problem)) {
    if (it->is_directory(problem) && !it->is_symlink(problem)) {
      pids = processes_of(it->path());
    }
  }
  int best = 0;
  for (const int pid : pids) {
    const auto status =
        read_file(options.proc / std::to_string(pid) / "status", 1U << 16).value_or("");
    if (last_number(status, "\nNSpid:") == 1) {
      return pid;
    }
    const int parent = last_number(status, "\nPPid:");
    if (best == 0 && !status.empty() && std::ranges::find(pids, parent) == pids.end()) {
      best = pid;
    }
  }
  return best != 0 ? Result<int>(best)
                   : fail("nobody runs in cgroup " + escape(*path) + " any more", ESRCH);
}

Result<std::uint32_t> merged_of_process(int pid, const PlacementOptions& options) {
  const auto theirs = root_of(options.proc, std::to_string(pid));
  if (theirs.st_ino == 0) {
    return fail("cannot look at the root of process " + std::to_string(pid), ESRCH);
  }
  for (const char* host : {"1", "self"}) {
    const auto own = root_of(options.proc, host);
    if (own.st_ino == theirs.st_ino && own.st_dev == theirs.st_dev) {
      return fail("process " + std::to_string(pid) +
                  " has not entered the container's root yet; publish the container when its "
                  "runtime has made it");
    }
  }
  return merged_directories(options.proc / std::to_string(pid) / "root");
}

}  // namespace usher::identity
