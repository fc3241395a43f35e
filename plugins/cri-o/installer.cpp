#include "cri-o/installer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "cri-o/diff.hpp"
#include "cri-o/hooks_dir.hpp"
#include "cri-o/identify.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;
using plugin::Failure;
using plugin::Report;

constexpr std::size_t kMaxBinary = 64U << 20;

template <class T>
T or_throw(Result<T> result) {
  if (!result) {
    throw Failure(result.error().message, USHER_FAILED, result.error().code);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

// Absent is an answer; any other failure to read throws.
std::optional<std::string> content_of(const fs::path& path, std::size_t limit) {
  auto content = read_file(path, limit);
  if (!content && content.error().code == ENOENT) {
    return std::nullopt;
  }
  return or_throw(std::move(content));
}

// The node's directory for our files, and all that its runtime reads.
struct Places {
  std::vector<std::string> all;
  std::string ours;
};

Places places_of(const HookOptions& options) {
  Places places;
  places.all = or_throw(options.runtime == kPodman ? podman_hooks_dirs(options.root)
                                                   : cri_o_hooks_dirs(options.root));
  if (!options.hooks_dir.empty()) {
    places.ours = options.hooks_dir;
    return places;
  }
  if (places.all.empty()) {
    throw Failure("the configuration of " + options.runtime +
                  " has an empty hooks_dir: it reads no hooks; name a directory there, or give "
                  "the setting hooks_dir");
  }
  // The last one that is there: a directory that is made now is not read before a restart, and on
  // equal file names the later directory wins.
  places.ours = places.all.back();
  for (const auto& dir : places.all) {
    if (fs::is_directory(under(options.root, dir))) {
      places.ours = dir;
    }
  }
  return places;
}

class Run {
 public:
  Run(const HookOptions& options, Report& report, bool apply)
      : options_(options), report_(report), apply_(apply), places_(places_of(options)) {}

  void install() {
    put_binary();
    const fs::path dir = under(options_.root, places_.ours);
    const bool is_new = !fs::is_directory(dir);
    if (apply_ && is_new) {
      std::error_code error;
      fs::create_directories(dir, error);
      if (error) {
        throw Failure("cannot create " + places_.ours + ": " + error.message());
      }
    }
    for (const auto& file : hook_files(options_)) {
      put_file(file);
    }
    say_what_people_must_do(is_new);
  }

  void verify() {
    verify_binary();
    for (const auto& file : hook_files(options_)) {
      const fs::path path = fs::path(places_.ours) / file.name;
      const auto now = content_of(under(options_.root, path), 1U << 20);
      if (!now) {
        report_.problem(path.string() + " is missing; " + mend());
      } else if (*now != file.content) {
        report_.step(USHER_STEP_REPLACE, path.string(), "is not as these settings make it",
                     unified_diff(*now, file.content, path.string()));
        report_.problem(path.string() + " is not as these settings make it; " + mend());
      } else {
        report_.step(USHER_STEP_KEEP, path.string(), "is as it should be");
      }
      verify_not_shadowed(file.name);
    }
    if (std::ranges::find(places_.all, places_.ours) == places_.all.end()) {
      report_.problem(places_.ours + " is not among the hooks directories of " + options_.runtime +
                      "'s configuration; add it to hooks_dir and restart it");
    }
  }

  void uninstall() {
    for (const auto& file : hook_files(options_)) {
      for (const auto& dir : every_dir()) {
        remove(fs::path(dir) / file.name, "the runtime calls the hook no more");
      }
    }
    if (const auto user = other_user(); !user.empty()) {
      report_.step(USHER_STEP_KEEP, options_.hook_path, "is used by " + user);
    } else if (options_.hook_path != options_.hook_source) {
      remove(options_.hook_path, "nothing uses it any more");
    }
  }

 private:
  std::string mend() const {
    return "run: usherctl runtime install cri-o, with the options of this runtime";
  }

  std::vector<std::string> every_dir() const {
    auto dirs = places_.all;
    if (std::ranges::find(dirs, places_.ours) == dirs.end()) {
      dirs.push_back(places_.ours);
    }
    return dirs;
  }

  void put_binary() {
    if (options_.hook_path == options_.hook_source) {
      verify_binary();
      return;
    }
    auto source = read_file(options_.hook_source, kMaxBinary);
    if (!source) {
      throw Failure(source.error().message +
                    "; the setting hook_source names the usher-hook to install");
    }
    const fs::path to = under(options_.root, options_.hook_path);
    const auto now = content_of(to, kMaxBinary);
    if (now == *source && ::access(to.c_str(), X_OK) == 0) {
      report_.step(USHER_STEP_KEEP, options_.hook_path, "is the hook's program already");
      return;
    }
    if (apply_) {
      std::error_code error;
      fs::create_directories(to.parent_path(), error);
      if (error) {
        throw Failure("cannot create " + to.parent_path().string() + ": " + error.message());
      }
      or_throw(write_file(to, *source, 0755));
    }
    report_.step(now ? USHER_STEP_REPLACE : USHER_STEP_CREATE, options_.hook_path,
                 "the hook's program, from " + options_.hook_source);
  }

  void put_file(const HookFile& file) {
    const fs::path path = fs::path(places_.ours) / file.name;
    const fs::path to = under(options_.root, path);
    const auto now = content_of(to, 1U << 20);
    if (now == file.content) {
      report_.step(USHER_STEP_KEEP, path.string(), "is as it should be already");
      return;
    }
    if (apply_) {
      or_throw(write_file(to, file.content, 0644));
    }
    report_.step(now ? USHER_STEP_REPLACE : USHER_STEP_CREATE, path.string(),
                 options_.runtime + " calls the hook",
                 unified_diff(now.value_or(""), file.content, path.string()));
  }

  void say_what_people_must_do(bool new_directory) {
    if (new_directory || std::ranges::find(places_.all, places_.ours) == places_.all.end()) {
      report_.step(USHER_STEP_MANUAL, places_.ours,
                   "make sure that hooks_dir of " + options_.runtime + " names this directory" +
                       (options_.runtime == kCriO ? ", then restart it: it watches only those "
                                                    "that were there at its start"
                                                  : ""));
    }
    if (options_.runtime == kCriO && podman_reads(places_.ours)) {
      report_.step(USHER_STEP_MANUAL, places_.ours,
                   "podman reads this directory too, and its containers will be refused as none "
                   "of CRI-O's; where both run, give CRI-O a hooks_dir of its own");
    }
    if (fs::exists(under(options_.root, "/etc/selinux/config"))) {
      report_.step(USHER_STEP_MANUAL, options_.hook_path,
                   "with SELinux enforcing, label it: restorecon -F " + options_.hook_path);
    }
  }

  bool podman_reads(const std::string& dir) const {
    const auto dirs = podman_hooks_dirs(options_.root);
    return dirs && std::ranges::find(*dirs, dir) != dirs->end() &&
           fs::exists(under(options_.root, "/usr/bin/podman"));
  }

  void verify_binary() {
    const fs::path path = under(options_.root, options_.hook_path);
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
      report_.problem(options_.hook_path + " is missing: the runtime skips the hook silently; " +
                      mend());
      return;
    }
    if (!S_ISREG(info.st_mode) || (info.st_mode & 0111) == 0) {
      report_.problem(options_.hook_path + " is not an executable file; " + mend());
    }
    if (info.st_uid != 0 || (info.st_mode & 0022) != 0) {
      report_.problem(options_.hook_path +
                      " can be written by others than root; chown root and chmod go-w it");
    }
    const auto source = read_file(options_.hook_source, kMaxBinary);
    if (source && content_of(path, kMaxBinary) != *source) {
      report_.problem(options_.hook_path + " is not the same as " + options_.hook_source + "; " +
                      mend());
    }
  }

  void verify_not_shadowed(const std::string& name) {
    const auto at = std::ranges::find(places_.all, places_.ours);
    for (auto later = at; later != places_.all.end(); ++later) {
      const fs::path other = fs::path(*later) / name;
      if (later != at && fs::exists(under(options_.root, other))) {
        report_.problem(other.string() + " takes the place of the file of this name in " +
                        places_.ours + "; remove it");
      }
    }
  }

  void remove(const fs::path& path, const std::string& why) {
    const fs::path there = under(options_.root, path);
    std::error_code error;
    if (!fs::exists(fs::symlink_status(there, error))) {
      return;
    }
    if (apply_ && ::unlink(there.c_str()) != 0) {
      const int code = errno;
      throw Failure(system_error("cannot remove " + path.string(), code).message, USHER_FAILED,
                    code);
    }
    report_.step(USHER_STEP_REMOVE, path.string(), why);
  }

  // A hook file of another runtime that calls the same program, or empty.
  std::string other_user() const {
    HookOptions other = options_;
    other.runtime = options_.runtime == kPodman ? kCriO : kPodman;
    std::vector<std::string> dirs = every_dir();
    for (const auto& more : {cri_o_hooks_dirs(options_.root), podman_hooks_dirs(options_.root)}) {
      if (more) {
        dirs.insert(dirs.end(), more->begin(), more->end());
      }
    }
    for (const auto& dir : dirs) {
      for (const auto& file : hook_files(other)) {
        const fs::path path = fs::path(dir) / file.name;
        const auto content = read_file(under(options_.root, path), 1U << 20);
        if (content && content->find('"' + options_.hook_path + '"') != std::string::npos) {
          return path;
        }
      }
    }
    return {};
  }

  const HookOptions& options_;
  Report& report_;
  bool apply_;
  Places places_;
};

}  // namespace

void plan_hooks(const HookOptions& options, Report& report) {
  Run(options, report, false).install();
}
void install_hooks(const HookOptions& options, Report& report) {
  Run(options, report, true).install();
}
void verify_hooks(const HookOptions& options, Report& report) {
  Run(options, report, false).verify();
}
void uninstall_hooks(const HookOptions& options, Report& report) {
  Run(options, report, true).uninstall();
}

}  // namespace usher::cri_o
