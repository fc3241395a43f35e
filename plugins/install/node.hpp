// A node's files, seen through the directory that its root is here, and changed so that a crash
// leaves either the old or the new.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::install {

class SeenFiles;

// Paths that are passed in are the node's. Links are followed as the node follows them: an absolute
// one starts again at its root, and none leads out of it. Whoever can change these paths is root on
// the node: this guards against surprises, not against a race.
class Node {
 public:
  // `seen`, where it is there, outlives this and spares files that did not change.
  explicit Node(std::filesystem::path root, SeenFiles* seen = nullptr)
      : root_(std::move(root)), seen_(seen) {}

  // Where `path` lies here. `entry` does not follow a link that is its last component: what is
  // renamed over or unlinked.
  std::filesystem::path follow(const std::filesystem::path& path) const;
  std::filesystem::path entry(const std::filesystem::path& path) const;

  bool is_directory(const std::filesystem::path& path) const;
  // Absent (also: a dangling link) is an answer; any other failure to read is an error.
  Result<std::optional<std::string>> read(const std::filesystem::path& path,
                                          std::size_t limit) const;
  // The same of a path as it lies here, where absent is an error too.
  Result<std::string> read_here(const std::filesystem::path& there, std::size_t limit) const;
  // When the file was last written; nothing where it is not there. Not its ctime: labelling a file
  // anew does not make it another.
  std::optional<timespec> written_at(const std::filesystem::path& path) const;

  // By a temporary file beside it, which begins with a dot and ends in a number, and a rename. File
  // and directory are on the disk when it returns. Where the clock was set back and is behind
  // `not_before`, the file gets that time.
  Result<> put(const std::filesystem::path& path, std::string_view content, mode_t mode,
               std::optional<timespec> not_before = {}) const;
  // Those that are missing, with mode 0755 under any umask.
  Result<> make_directories(const std::filesystem::path& path) const;
  // False where it is not there. The directory is on the disk when it returns.
  Result<bool> remove(const std::filesystem::path& path) const;
  // Removes what a `put` that was killed left of the files in `directory` whose name begins with
  // `prefix`. Only under the lock: it would hit a put that is under way.
  Result<> remove_leftovers(const std::filesystem::path& directory, std::string_view prefix) const;
  // Held until the descriptor closes; EWOULDBLOCK when another process holds it: at once, or where
  // the caller may `wait`, after 3 s.
  Result<Fd> lock(const std::filesystem::path& directory, bool wait) const;

 private:
  std::filesystem::path resolve(const std::filesystem::path& path, bool last) const;

  std::filesystem::path root_;
  SeenFiles* seen_;
};

}  // namespace usher::install
