#include "cri-o/installer.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <tuple>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "cri-o/diff.hpp"
#include "cri-o/hook_json.hpp"
#include "cri-o/hooks_dir.hpp"
#include "cri-o/identify.hpp"
#include "cri-o/node.hpp"
#include "cri-o/places.hpp"
#include "cri-o/program.hpp"
#include "cri-o/schema.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;
using plugin::Failure;
using plugin::Report;

class Run {
 public:
  Run(const HookOptions& options, Report& report, bool apply)
      : options_(options),
        report_(report),
        apply_(apply),
        node_(options.root, options.seen.get()),
        places_(places_of(node_, options)) {}

  void install() {
    const std::string program = program_path(options_, source_version());
    const bool is_new = !node_.is_directory(places_.ours);
    Fd lock;
    if (apply_) {
      or_throw(node_.make_directories(options_.hook_dir));
      lock = or_throw(node_.lock(options_.hook_dir, options_.may_wait));
      or_throw(node_.make_directories(places_.ours));
      or_throw(node_.remove_leftovers(options_.hook_dir, "usher-hook-"));
      or_throw(node_.remove_leftovers(places_.ours, "usher-" + options_.runtime + "-"));
    }
    put_program(program);
    for (const auto& file : hook_files(options_, program)) {
      put_file(file, program);
    }
    prune(program);
    say_what_people_must_do(is_new, program);
  }

  void uninstall() {
    Fd lock;
    if (node_.is_directory(options_.hook_dir)) {
      lock = or_throw(node_.lock(options_.hook_dir, options_.may_wait));
      or_throw(node_.remove_leftovers(options_.hook_dir, "usher-hook-"));
    }
    // Where no directory was named, also from those that install would not choose now.
    const auto dirs = options_.hooks_dir.empty() ? places_.every() : std::vector{places_.ours};
    auto names = hook_file_names(options_.runtime);
    std::ranges::reverse(names);
    for (const auto& name : names) {
      for (const auto& dir : dirs) {
        remove(fs::path(dir) / name, "the runtime calls the hook no more");
      }
    }
    for (const auto& dir : dirs) {
      or_throw(node_.remove_leftovers(dir, "usher-" + options_.runtime + "-"));
    }
    for (const auto& program : installed_programs(node_, options_)) {
      remove_unless_used(program);
    }
  }

 private:
  [[noreturn]] static void blame_source(const Error& why) {
    throw Failure(why.message + "; the setting hook_source names the usher-hook to install",
                  USHER_FAILED, why.code);
  }

  std::string read_source() const {
    auto source = read_file(options_.hook_source, kMaxProgram);
    if (!source) {
      blame_source(source.error());
    }
    return std::move(*source);
  }

  std::string source_version() const {
    auto version = version_of(options_.hook_source, options_);
    if (!version) {
      read_source();  // the better reason, where it cannot even be read
      blame_source(version.error());
    }
    return std::move(*version);
  }

  std::optional<std::string> content_of(const std::string& path, std::size_t limit) const {
    auto content = node_.read(path, limit);
    if (!content && content.error().code == EISDIR) {
      throw Failure(content.error().message +
                        "; a directory has the name of the hook's file: see what it is, move it "
                        "away and try again",
                    USHER_FAILED, EISDIR);
    }
    return or_throw(std::move(content));
  }

  // The clock may have been set back since they were written: they must look older all the same.
  timespec after_all_files() const {
    timespec last{};
    for (const auto& name : hook_file_names(options_.runtime)) {
      const auto written = node_.written_at(fs::path(places_.ours) / name);
      last = written && is_older(last, *written) ? *written : last;
    }
    const bool carry = ++last.tv_nsec == 1'000'000'000;
    return carry ? timespec{last.tv_sec + 1, 0} : last;
  }

  void put_program(const std::string& path) {
    const auto there = node_.follow(path);
    if (same_content(options_.hook_source, there, options_).value_or(false) &&
        ::access(there.c_str(), X_OK) == 0) {
      report_.step(USHER_STEP_KEEP, path, "is the hook's program already");
      return;
    }
    const auto now = content_of(path, kMaxProgram);
    const auto source = read_source();
    changed_program_ = true;  // from now on it is newer than any file
    change(now ? USHER_STEP_REPLACE : USHER_STEP_CREATE, path,
           "the hook's program, from " + options_.hook_source, "",
           [&] { or_throw(node_.put(path, source, 0755, after_all_files())); });
  }

  void put_file(const HookFile& file, const std::string& program) {
    const std::string path = fs::path(places_.ours) / file.name;
    const auto now = content_of(path, kMaxHookFile);
    const auto written = node_.written_at(path);
    const auto program_at = node_.written_at(program);
    const bool again =
        changed_program_ || !program_at || !written || is_older(*written, *program_at);
    if (now == file.content && !again) {
      report_.step(USHER_STEP_KEEP, path, "is as it should be already");
      return;
    }
    const std::string what = now == file.content
                                 ? "written again: " + options_.runtime +
                                       " may have read it while its program was not there"
                                 : options_.runtime + " calls the hook";
    change(now ? USHER_STEP_REPLACE : USHER_STEP_CREATE, path, what,
           unified_diff(now.value_or(""), file.content, path),
           [&] { or_throw(node_.put(path, file.content, 0644, program_at)); });
  }

  // Programs of other versions.
  void prune(const std::string& current) {
    for (const auto& program : installed_programs(node_, options_)) {
      if (program == current) {
        continue;
      }
      if (changed_ != 0) {
        report_.step(USHER_STEP_KEEP, program,
                     "an older program: what starts now may still call it; the next install "
                     "removes it");
      } else {
        remove_unless_used(program);
      }
    }
  }

  void remove_unless_used(const std::string& program) {
    const auto users = users_of(node_, options_, program, all_hook_dirs(node_, places_));
    if (!users.empty()) {
      report_.step(USHER_STEP_KEEP, program, "is used by " + users.front());
    } else {
      remove(program, "nothing names it any more");
    }
  }

  template <class Apply>
  void change(std::uint32_t kind, const std::string& path, const std::string& what,
              const std::string& diff, Apply apply) {
    ++changed_;
    if (apply_) {
      apply();
    }
    report_.step(kind, path, what, diff);
  }

  void remove(const fs::path& path, const std::string& why) {
    if (apply_ ? or_throw(node_.remove(path)) : node_.written_at(path).has_value()) {
      report_.step(USHER_STEP_REMOVE, path.string(), why);
    }
  }

  void say_what_people_must_do(bool new_directory, const std::string& program) {
    if (new_directory || !places_.is_read()) {
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
    if (fs::exists(node_.follow("/etc/selinux/config"))) {
      report_.step(USHER_STEP_MANUAL, program,
                   "with SELinux enforcing, label it: restorecon -F " + program);
    }
  }

  bool podman_reads(const std::string& dir) const {
    const auto dirs = podman_hooks_dirs(node_);
    return dirs && std::ranges::find(*dirs, dir) != dirs->end() &&
           fs::exists(node_.follow("/usr/bin/podman"));
  }

  const HookOptions& options_;
  Report& report_;
  bool apply_;
  Node node_;
  Places places_;
  std::size_t changed_ = 0;
  bool changed_program_ = false;
};

}  // namespace

bool is_older(const timespec& file, const timespec& program) {
  return std::tie(file.tv_sec, file.tv_nsec) < std::tie(program.tv_sec, program.tv_nsec);
}

void plan_hooks(const HookOptions& options, Report& report) {
  Run(options, report, false).install();
}
void install_hooks(const HookOptions& options, Report& report) {
  Run(options, report, true).install();
}
void uninstall_hooks(const HookOptions& options, Report& report) {
  Run(options, report, true).uninstall();
}

}  // namespace usher::cri_o
