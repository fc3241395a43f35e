#include "agent/run_lock.hpp"

#include <fmt/format.h>

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
  return hold_lock_file(run_dir / "usherd.lock", "another usherd",
                        "runs with this run_dir: stop it first");
}

}  // namespace usher::agent
