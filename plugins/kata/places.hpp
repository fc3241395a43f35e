// Where a hybrid vsock's socket of a sandbox lies: patterns as an operator writes them, and the
// directories that they name, opened without following what could lead elsewhere.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::kata {

// "/run/kata/{sandbox}/root/kata.hvsock": one directory's name is the sandbox's id, or, written
// {sandbox:32}, what fits of it.
struct Place {
  std::string base;                 // "/run/kata"
  std::vector<std::string> inside;  // below the sandbox's directory: "root"
  std::string socket;               // "kata.hvsock"
  std::size_t cut = 0;              // 32; 0: the whole id

  // Errors say what is wrong with the pattern.
  static Result<Place> parse(std::string_view pattern);
  // The sandbox's directory in `base`.
  bool takes(std::string_view name) const;
  // The whole path, for people.
  std::string path(const std::string& sandbox) const;
};

inline constexpr std::size_t kMaxSandboxId = 128;

// Letters, digits, '.', '_', '-', beginning with a letter or a digit: a file's name of one
// component, whoever gave it.
bool is_sandbox_name(std::string_view name);

struct OpenedPlace {
  std::vector<Fd> directories;  // O_PATH: the sandbox's, and those inside as far as they are there
  bool complete = false;        // the last is the one that the socket lies in
  uid_t owner = 0;              // of the last
};

// Each component is a directory and no link. `trusted` is root, and who runs the agent. Errors:
// ENOENT where the sandbox has no directory; EPERM where `base` can be changed by others than those
// trusted, one inside by everybody, or one inside belongs to somebody else than the one above, who
// is not trusted either.
Result<OpenedPlace> open_place(const Place& place, const std::string& sandbox, uid_t trusted);

}  // namespace usher::kata
