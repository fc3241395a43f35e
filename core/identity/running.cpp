// Containers that run already, or whose runtime gives no OCI state: found by cgroup, looked at
// through a process.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
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

// The directory of a cgroup that a runtime names.
Result<std::filesystem::path> directory_of(std::string_view cgroup_path,
                                           const PlacementOptions& options) {
  auto path = expand_cgroups_path(cgroup_path);
  if (!path) {
    return std::unexpected(std::move(path.error()));
  }
  if (path->find('\0') != std::string::npos || (*path + '/').find("/../") != std::string::npos) {
    return fail("cgroup path " + escape(*path) + " is not plain");
  }
  std::filesystem::path cgroup = options.cgroup_root.native() + *path;
  std::error_code problem;
  if (!std::filesystem::is_directory(cgroup, problem)) {
    return fail("there is no cgroup " + escape(*path), ENOENT);
  }
  return cgroup;
}

// Whether `pid` still has the root of pid 1 or of the agent; ESRCH where that cannot be seen.
Result<bool> has_hosts_root(int pid, const std::filesystem::path& proc) {
  const auto theirs = root_of(proc, std::to_string(pid));
  if (theirs.st_ino == 0) {
    return fail("cannot look at the root of process " + std::to_string(pid), ESRCH);
  }
  return std::ranges::any_of(std::array{"1", "self"}, [&](const char* host) {
    const auto own = root_of(proc, host);
    return own.st_ino == theirs.st_ino && own.st_dev == theirs.st_dev;
  });
}

}  // namespace

Result<int> process_in(std::string_view cgroup_path, const PlacementOptions& options) {
  const auto directory = directory_of(cgroup_path, options);
  if (!directory) {
    return std::unexpected(directory.error());
  }
  const auto& cgroup = *directory;
  std::error_code problem;
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
                   : fail("nobody runs in cgroup " + escape(cgroup_path) + " any more", ESRCH);
}

Result<int> init_process_in(std::string_view cgroup_path, const PlacementOptions& options) {
  constexpr const char* kWhen =
      "; the hook must run at createRuntime, when the runtime's init is there and nobody else";
  const auto directory = directory_of(cgroup_path, options);
  if (!directory) {
    return std::unexpected(directory.error());
  }
  auto members = read_file(*directory / "cgroup.procs");
  if (members && members->empty()) {
    if (auto of_crun = read_file(*directory / "container" / "cgroup.procs")) {
      members = std::move(of_crun);
    }
  }
  if (!members) {
    return fail_in("cannot see who is in cgroup " + escape(cgroup_path), members.error());
  }
  const auto count = std::ranges::count(*members, '\n');
  if (count != 1) {
    return fail(count == 0 ? "nobody is in cgroup " + escape(cgroup_path) + kWhen
                           : std::to_string(count) + " processes are in cgroup " +
                                 escape(cgroup_path) + kWhen,
                ESRCH);
  }
  int pid = 0;
  std::from_chars(members->data(), members->data() + members->size(), pid);
  if (pid <= 0) {
    return fail("the process in cgroup " + escape(cgroup_path) +
                " lives outside the agent's pid namespace; run usherd in the node's");
  }
  const auto before_start = has_hosts_root(pid, options.proc);
  if (!before_start) {
    return std::unexpected(before_start.error());
  }
  if (!*before_start) {
    return fail("process " + std::to_string(pid) + " in cgroup " + escape(cgroup_path) +
                " has entered the container's root already" + kWhen);
  }
  return pid;
}

Result<std::uint32_t> merged_of_process(int pid, const PlacementOptions& options) {
  const auto not_yet = has_hosts_root(pid, options.proc);
  if (!not_yet) {
    return std::unexpected(not_yet.error());
  }
  if (*not_yet) {
    return fail("process " + std::to_string(pid) +
                " has not entered the container's root yet; publish the container when its "
                "runtime has made it");
  }
  return merged_directories(options.proc / std::to_string(pid) / "root");
}

}  // namespace usher::identity
