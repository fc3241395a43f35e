#include "containerd/install/files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/escape.hpp"
#include "containerd/install/base_spec.hpp"
#include "containerd/install/config.hpp"
#include "install/or_throw.hpp"

namespace usher::containerd {
namespace {

namespace fs = std::filesystem;
using install::or_throw;

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> out;
  std::error_code none;
  for (fs::directory_iterator it(directory, none), end; !none && it != end; it.increment(none)) {
    out.push_back(it->path().filename());
  }
  std::ranges::sort(out);
  return out;
}

// The reverse of a backup's name; empty for another file's.
std::string path_of(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      out += name[i];
      continue;
    }
    const auto code = name.substr(i + 1, 2);
    if (code != "2F" && code != "25") {
      return "";
    }
    out += code == "2F" ? '/' : '%';
    i += 2;
  }
  return out.starts_with('/') ? out : "";
}

}  // namespace

std::vector<std::string> ConfigFiles::edited() const {
  std::vector<std::string> out;
  for (const auto& name : names_in(node_.follow(options_.backup_dir()))) {
    if (auto path = path_of(name); !path.empty()) {
      out.push_back(std::move(path));
    }
  }
  return out;
}

bool ConfigFiles::has_backup(const std::string& path) const {
  return node_.written_at(options_.backup_path(path)).has_value();
}

void ConfigFiles::make_backup(const std::string& path, const std::string& content) const {
  or_throw(node_.make_directories(options_.backup_dir()));
  or_throw(node_.put(options_.backup_path(path), content, 0600));
}

bool ConfigFiles::drop_backup(const std::string& path, const std::string& content) const {
  const auto kept = or_throw(node_.read(options_.backup_path(path), kMaxConfig));
  return kept == content && or_throw(node_.remove(options_.backup_path(path)));
}

void ConfigFiles::check_no_link(const std::string& path) const {
  std::error_code none;
  if (fs::is_symlink(fs::symlink_status(node_.entry(path), none))) {
    throw plugin::Failure(escape(path) +
                              " is a link, which an edit would replace; name the file that it "
                              "leads to: with the setting config, or in imports",
                          USHER_INVALID);
  }
}

void ConfigFiles::check_unchanged(const std::string& path,
                                  const std::optional<std::string>& before) const {
  if (or_throw(node_.read(path, kMaxConfig)) != before) {
    throw plugin::Failure(escape(path) +
                          " was changed by somebody else meanwhile, and was left as it is now: run "
                          "this again");
  }
}

std::string ConfigFiles::what_to_do() const {
  return "; containerd would not start on it: mend that line before its next restart" +
         (edited().empty() ? ""
                           : ", or put back the file as it was before Usher's lines, from " +
                                 escape(options_.backup_dir()));
}

std::string ConfigFiles::named_by(const std::string& spec,
                                  const std::vector<std::string>& paths) const {
  for (const auto& path : paths) {
    if (or_throw(node_.read(path, kMaxConfig)).value_or("").find(spec) != std::string::npos) {
      return path;
    }
  }
  return "";
}

void ConfigFiles::put(const std::string& path, const std::optional<std::string>& before,
                      const std::string& content) const {
  check_no_link(path);
  check_unchanged(path, before);
  struct stat info{};
  const bool there = ::stat(node_.entry(path).c_str(), &info) == 0;
  or_throw(node_.make_directories(fs::path(path).parent_path()));
  or_throw(node_.put(path, content, there ? info.st_mode & 0777 : 0644));
}

void ConfigFiles::remove_leftovers(const std::string& path) const {
  const fs::path file = path;
  or_throw(node_.remove_leftovers(file.parent_path(), file.filename().native()));
}

void ConfigFiles::remove_own_leftovers() const {
  or_throw(node_.remove_leftovers(options_.spec_dir, "base-"));
  or_throw(node_.remove_leftovers(options_.spec_dir, "configuration"));
  or_throw(node_.remove_leftovers(options_.backup_dir(), "%2F"));
}

std::string ConfigFiles::candidate_path(const std::string& path) const {
  const fs::path file = path;
  return file.parent_path() / ("." + file.filename().string() + ".check.1");
}

void ConfigFiles::check_owner() const {
  const auto owner = or_throw(node_.read(options_.owner_path(), kMaxConfig));
  if (owner && *owner != options_.config + "\n") {
    throw plugin::Failure(
        escape(options_.spec_dir) + " holds the base specs of another containerd (" +
            escape(*owner).substr(0, 200) + " in " + escape(options_.owner_path()) +
            "): give this one a directory of its own with the setting spec_dir",
        USHER_INVALID);
  }
}

void ConfigFiles::check_spec_dir() const {
  check_owner();
  const auto ours = specs();
  for (const auto& name : names_in(node_.follow(options_.spec_dir))) {
    const auto path = options_.spec_dir + "/" + name;
    if (name.starts_with('.') || path == options_.backup_dir() || path == options_.owner_path() ||
        std::ranges::find(ours, path) != ours.end()) {
      continue;
    }
    throw plugin::Failure(escape(path) +
                              " is not Usher's, and base specs are written only into a directory "
                              "of their own: move it away, or name another directory with the "
                              "setting spec_dir",
                          USHER_INVALID);
  }
}

void ConfigFiles::own_spec_dir() const {
  if (or_throw(node_.read(options_.owner_path(), kMaxConfig)) != options_.config + "\n") {
    or_throw(node_.put(options_.owner_path(), options_.config + "\n", 0644));
  }
}

void ConfigFiles::leave_spec_dir() const {
  or_throw(node_.remove(options_.owner_path()));
}

std::vector<std::string> ConfigFiles::specs() const {
  std::vector<std::string> out;
  const auto owner = node_.read(options_.owner_path(), kMaxConfig);
  const bool is_owned = owner && *owner == options_.config + "\n";
  for (const auto& name : names_in(node_.follow(options_.spec_dir))) {
    const auto path = options_.spec_dir + "/" + name;
    if (!name.starts_with("base-") || !name.ends_with(".json")) {
      continue;
    }
    const auto spec = node_.read(path, kMaxConfig);
    // In a directory of ours what is no spec at all was one of ours.
    if (spec && *spec && (holds_our_hook(**spec) || (is_owned && is_no_spec(**spec)))) {
      out.push_back(path);
    }
  }
  return out;
}

}  // namespace usher::containerd
