// The files of containerd's configuration that Usher edits: their backups, their leftovers, and how
// they are put in place.
#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "containerd/install/settings.hpp"
#include "install/node.hpp"

namespace usher::containerd {

// All members take paths on the node and throw plugin::Failure.
class ConfigFiles {
 public:
  ConfigFiles(const InstallOptions& options, const install::Node& node)
      : options_(options), node_(node) {}

  // Those that were ever edited, as their backups tell.
  std::vector<std::string> edited() const;
  bool has_backup(const std::string& path) const;
  void make_backup(const std::string& path, const std::string& content) const;
  // Only one that holds `content`: then nothing is lost. False: it stays.
  bool drop_backup(const std::string& path, const std::string& content) const;

  // Refuses a file that is not as the edit was made from (`before`; nothing: it was not there).
  void check_unchanged(const std::string& path, const std::optional<std::string>& before) const;
  // The same; where a file of the configuration cannot be read as TOML (EBADMSG), with what to do.
  template <class T>
  Result<T> explained(Result<T> read) const {
    if (!read && read.error().code == EBADMSG) {
      read.error().message += what_to_do();
    }
    return read;
  }
  // Which of the files at `paths`, as they are now, holds the path of `spec`; empty: none.
  std::string named_by(const std::string& spec, const std::vector<std::string>& paths) const;
  // By rename, with the mode that the file has. Refuses a link, which the rename would replace, and
  // one that check_unchanged refuses.
  void put(const std::string& path, const std::optional<std::string>& before,
           const std::string& content) const;
  void check_no_link(const std::string& path) const;
  void remove_leftovers(const std::string& path) const;
  // Of specs and backups.
  void remove_own_leftovers() const;
  // Beside `path`, where relative imports mean the same.
  std::string candidate_path(const std::string& path) const;
  // Refuses a directory of specs that is another containerd's, or where somebody keeps other files:
  // a file of theirs could have the name of one of ours.
  void check_spec_dir() const;
  void check_owner() const;
  // From now on the directory is this configuration's; or nobody's.
  void own_spec_dir() const;
  void leave_spec_dir() const;
  // Base specs that are there and hold our hook; others are not ours whatever their name.
  std::vector<std::string> specs() const;

 private:
  std::string what_to_do() const;

  const InstallOptions& options_;
  const install::Node& node_;
};

}  // namespace usher::containerd
