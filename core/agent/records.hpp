// What the agent must know again after it was stopped or killed: one JSON file per workload under
// RUN_DIR/workloads, replaced by rename. A record is joined with the kernel's slot by the cgroup's
// id, which the kernel never gives twice in one boot; records of another boot are void.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::agent {

class Records {
 public:
  // Creates the directory (0700) where it is missing.
  static Result<Records> open(std::filesystem::path directory, std::string boot_id);

  // slot and incarnation are not kept: the kernel's table has them.
  Result<> write(const identity::Workload& workload) const;
  Result<> remove(std::uint64_t cgroup_id) const;

  struct Loaded {
    std::vector<identity::Workload> workloads;
    std::vector<std::string> problems;  // files that cannot be read; they are left where they are
    std::size_t of_other_boots = 0;     // removed
  };
  Result<Loaded> load() const;

 private:
  Records(std::filesystem::path directory, std::string boot_id)
      : directory_(std::move(directory)), boot_id_(std::move(boot_id)) {}
  std::filesystem::path file(std::uint64_t cgroup_id) const;

  std::filesystem::path directory_;
  std::string boot_id_;
};

// The running kernel's boot id.
Result<std::string> current_boot_id();

}  // namespace usher::agent
