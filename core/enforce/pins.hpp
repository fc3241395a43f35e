// The bpffs directory that keeps enforcement alive without an agent:
//   PINS/v<USHER_LAYOUT>/maps/NAME        every map
//   PINS/v<USHER_LAYOUT>/links/<n>/NAME   every attached program, of the n-th start
// A start attaches all of n+1 and only then removes n and older. Whatever step a crash comes
// between, one whole set of links is in force, and the next start ends with its own alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::enforce {

class Pins {
 public:
  // Creates the directories (0700) and locks them: a second enforcer on the same pins is an error.
  // The directory, or the nearest one above it that exists, must be on a bpffs.
  static Result<Pins> open(const std::filesystem::path& root);

  Pins(Pins&&) noexcept = default;
  Pins& operator=(Pins&&) noexcept = default;
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;
  ~Pins();

  std::filesystem::path map(const std::string& name) const { return maps_ / name; }
  // The directory of one start's links; created when it is not there.
  Result<std::filesystem::path> generation(std::uint64_t number) const;
  // Starts whose links are pinned, in ascending order.
  Result<std::vector<std::uint64_t>> generations() const;
  // Unpins one start's links.
  Result<> remove_generation(std::uint64_t number) const;

  // Unpins what usher pinned below `root`, of every layout: links first, so that no program runs on
  // maps that are going. Files of others are left, and then the directories that hold them too,
  // which is an error that names them. Nothing there is no error.
  static Result<> remove_all(const std::filesystem::path& root);

 private:
  Pins() = default;

  std::filesystem::path maps_;
  std::filesystem::path links_;
  Fd lock_;
};

}  // namespace usher::enforce
