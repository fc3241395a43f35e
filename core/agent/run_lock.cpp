#include "agent/run_lock.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lock_file.hpp"

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
  return hold_lock_file(run_dir / "usherd.lock", "another usherd",
                        "runs with this run_dir: stop it first");
}

}  // namespace usher::agent
