#include "identity/placement.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <string>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "identity/cgroup_path.hpp"
#include "identity/membership.hpp"

namespace usher::identity {
namespace {

Result<Fd> open_pid(int pid) {
  if (pid <= 0) {
    return fail("the runtime gave no pid", ESRCH);
  }
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) {
    return errno == ESRCH ? fail("the process is gone", ESRCH) : fail_system("pidfd_open");
  }
  return fd;
}

Result<> still_alive(const Fd& pidfd) {
  pollfd poll_for{pidfd.get(), POLLIN, 0};
  return ::poll(&poll_for, 1, 0) == 0 ? Result<>{} : fail("the process is gone", ESRCH);
}

Result<std::string> cgroup_of(const std::filesystem::path& proc_entry) {
  auto text = read_file(proc_entry / "cgroup");
  return text ? unified_path(*text) : std::unexpected(std::move(text.error()));
}

// Not the agent's own cgroup, and none that the agent lives below (the root is above all).
Result<> not_above_agent(const std::string& path, const std::filesystem::path& proc) {
  if (path == "/") {
    return fail(
        "it is in the root cgroup; let the runtime make a cgroup for each container "
        "(cgroups enabled, a cgroupsPath)");
  }
  auto own = cgroup_of(proc / "self");
  if (!own) {
    return fail_in("the agent itself", std::move(own.error()));
  }
  if (*own == path || own->starts_with(path + '/')) {
    return fail("its cgroup " + escape(path) +
                " holds the agent itself; let the runtime make a cgroup for each container");
  }
  return {};
}

Result<std::uint64_t> cgroup_id(const std::filesystem::path& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    return fail_system("cannot open its cgroup " + escape(directory.string()));
  }
  struct statfs filesystem{};
  struct stat info{};
  if (::fstatfs(fd.get(), &filesystem) != 0 || ::fstat(fd.get(), &info) != 0) {
    return fail_system("cannot stat its cgroup " + escape(directory.string()));
  }
  if (filesystem.f_type != CGROUP2_SUPER_MAGIC) {
    return fail(escape(directory.string()) + " is not on a cgroup2 mount");
  }
  return info.st_ino;
}

Result<std::uint64_t> namespace_inode(const std::filesystem::path& link) {
  struct stat info{};
  if (::stat(link.c_str(), &info) != 0) {
    return fail_system("cannot read " + link.string());
  }
  return info.st_ino;
}

Result<std::uint32_t> mount_namespace(const std::filesystem::path& proc, const std::string& pid) {
  auto own = namespace_inode(proc / pid / "ns/mnt");
  if (!own) {
    return std::unexpected(std::move(own.error()));
  }
  for (const char* host : {"1", "self"}) {
    const auto theirs = namespace_inode(proc / host / "ns/mnt");
    if (!theirs && theirs.error().code == EACCES && *host == '1') {
      continue;  // an agent that may not look at pid 1 still tells its own namespace
    }
    if (!theirs) {
      return std::unexpected(theirs.error());
    }
    if (*theirs == *own) {
      return fail(std::string("it is in the mount namespace of ") +
                  (*host == '1' ? "pid 1" : "the agent") +
                  "; a container needs a mount namespace of its own to be told from the host");
    }
  }
  return static_cast<std::uint32_t>(*own);
}

Result<Placement> place_live(int pid, const PlacementOptions& options) {
  const auto entry = options.proc / std::to_string(pid);
  auto path = cgroup_of(entry);
  if (!path) {
    return std::unexpected(std::move(path.error()));
  }
  Placement placement;
  placement.cgroup_path = options.running ? whole_container_cgroup(*path) : container_cgroup(*path);
  if (auto good = not_above_agent(placement.cgroup_path, options.proc); !good) {
    return std::unexpected(std::move(good.error()));
  }
  const std::filesystem::path directory = options.cgroup_root.native() + placement.cgroup_path;
  const auto id = cgroup_id(directory);
  if (!id) {
    return std::unexpected(id.error());
  }
  placement.cgroup_id = *id;
  if (auto good = owns_cgroup(pid, directory, options.proc); !good) {
    return std::unexpected(std::move(good.error()));
  }
  const auto mntns = mount_namespace(options.proc, std::to_string(pid));
  if (!mntns) {
    return std::unexpected(mntns.error());
  }
  placement.mntns = *mntns;
  if (cgroup_of(entry).value_or("") != *path) {
    return fail("it left its cgroup " + escape(*path) + " while it was looked at");
  }
  return placement;
}

Result<Placement> place_live_on_host(int pid, std::string_view sandbox_id,
                                     const PlacementOptions& options) {
  const auto entry = options.proc / std::to_string(pid);
  auto path = cgroup_of(entry);
  if (!path) {
    return std::unexpected(std::move(path.error()));
  }
  Placement placement;
  placement.cgroup_path = whole_container_cgroup(*path);
  if (auto good = not_above_agent(placement.cgroup_path, options.proc); !good) {
    return std::unexpected(std::move(good.error()));
  }
  const std::filesystem::path directory = options.cgroup_root.native() + placement.cgroup_path;
  const auto id = cgroup_id(directory);
  if (!id) {
    return std::unexpected(id.error());
  }
  placement.cgroup_id = *id;
  constexpr std::size_t kTellingId = 12;  // a shorter one could be part of any name
  const bool named = sandbox_id.size() >= kTellingId &&
                     directory.filename().native().find(sandbox_id) != std::string::npos;
  if (auto good = named ? Result<>{} : is_one_family(pid, directory, options.proc); !good) {
    return std::unexpected(std::move(good.error()));
  }
  if (cgroup_of(entry).value_or("") != *path) {
    return fail("it left its cgroup " + escape(*path) + " while it was looked at");
  }
  return placement;
}

std::string shown_uid(const std::string& uid) {
  return uid.empty() ? "names no pod" : "names pod uid " + escape(uid);
}

template <class Look>
Result<Placement> place_held(int pid, const Look& look) {
  const std::string what = "cannot place the container's process " + std::to_string(pid);
  auto pidfd = open_pid(pid);
  if (!pidfd) {
    return fail_in(what, std::move(pidfd.error()));
  }
  auto placement = look();
  // A process that ended meanwhile explains every other failure, and voids every answer.
  if (auto alive = still_alive(*pidfd); !alive) {
    return fail_in(what, std::move(alive.error()));
  }
  if (!placement) {
    return fail_in(what, std::move(placement.error()));
  }
  return placement;
}

}  // namespace

Result<Placement> place(int pid, const PlacementOptions& options) {
  return place_held(pid, [&] { return place_live(pid, options); });
}

Result<Placement> place_on_host(int pid, std::string_view sandbox_id,
                                const PlacementOptions& options) {
  return place_held(pid, [&] { return place_live_on_host(pid, sandbox_id, options); });
}

Result<> agrees(const Identity& who, std::string_view cgroup_path) {
  const CgroupOwner owner = owner_of(cgroup_path);
  if (owner.monitor) {
    return fail("cgroup " + escape(cgroup_path) +
                " is that of a runtime's monitor, not of a container");
  }
  // A sandbox's own record may be worth nothing (CRI-O): one that names no pod claims none.
  const bool claims_none = who.is_sandbox && who.pod_uid.empty() && who.pod_namespace.empty();
  if (!owner.pod_uid.empty() && owner.pod_uid != who.pod_uid && !claims_none) {
    return fail("the identity (" + who.identity_source + ") " + shown_uid(who.pod_uid) +
                ", but cgroup " + escape(cgroup_path) + " belongs to pod uid " +
                escape(owner.pod_uid));
  }
  if (!owner.container_id.empty() && owner.container_id != who.container_id) {
    return fail("the identity (" + who.identity_source + ") names container id " +
                escape(who.container_id) + ", but cgroup " + escape(cgroup_path) +
                " belongs to container id " + escape(owner.container_id));
  }
  return {};
}

}  // namespace usher::identity
