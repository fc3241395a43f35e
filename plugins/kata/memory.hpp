// What must be known of a sandbox's guest when the agent starts anew: whether it has a session,
// whose token only the session's opener has, what its kernel can do, and which containers were let
// start.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace usher::kata {

struct Remembered {
  std::string token = {};              // of its session; empty: none
  std::string backend = "none";        // of the session's guest, as it said last
  std::uint32_t enforces = 0;          // USHER_GUEST_ENFORCES_
  bool claimed = false;                // a container, without a session
  std::set<std::string> granted = {};  // containers, kMaxGranted at most

  bool operator==(const Remembered&) const = default;
};

inline constexpr std::size_t kMaxGranted = 1024;

// [main] A file for each sandbox, root's alone, in a directory on a tmpfs.
class Memory {
 public:
  explicit Memory(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // Nothing is remembered of a sandbox without a file. One that cannot be read counts as claimed:
  // no session is opened there.
  Remembered of(const std::string& sandbox) const;
  // Is there on return, or an error says why not.
  Result<> keep(const std::string& sandbox, const Remembered& what) const;
  void forget(const std::string& sandbox) const;
  std::vector<std::string> sandboxes() const;

 private:
  std::filesystem::path directory_;
};

// kTokenSize bytes that nobody can guess.
Result<std::string> new_token();
// In a time that says nothing of where they differ.
bool same_secret(const std::string& one, const std::string& other);

}  // namespace usher::kata
