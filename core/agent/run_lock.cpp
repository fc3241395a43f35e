#include "agent/run_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"

namespace usher::agent {

Result<Fd> lock_run_directory(const std::filesystem::path& run_dir) {
  std::error_code problem;
  if (std::filesystem::create_directories(run_dir, problem)) {
    std::filesystem::permissions(run_dir, std::filesystem::perms::owner_all, problem);
  }
  if (problem) {
    return fail_system(fmt::format("cannot make {}", run_dir.string()), problem.value());
  }
  struct stat info{};
  if (::stat(run_dir.c_str(), &info) != 0) {
    return fail_system(fmt::format("cannot look at {}", run_dir.string()));
  }
  if (info.st_uid != ::geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(
        fmt::format("{} belongs to uid {} and has mode {:04o}: others could put sockets of "
                    "theirs there; chown it to root and chmod it to 0700",
                    run_dir.string(), info.st_uid, info.st_mode & 07777U));
  }
  const auto path = run_dir / "usherd.lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    return fail_system(fmt::format("cannot open {}", path.string()));
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    auto holder = read_all(fd.get(), 64, path.string()).value_or("");
    holder.erase(holder.find_last_not_of('\n') + 1);
    return fail_system(fmt::format("cannot lock {}", path.string()), code,
                       fmt::format("another usherd (pid {}) runs with this run_dir: stop it first",
                                   holder.empty() ? "unknown" : holder));
  }
  const auto pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail_system(fmt::format("cannot write {}", path.string()));
  }
  return fd;
}

}  // namespace usher::agent
