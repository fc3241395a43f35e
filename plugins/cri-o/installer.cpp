#include "cri-o/installer.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <tuple>

#include "cri-o/hook_json.hpp"
#include "cri-o/hooks_dir.hpp"
#include "cri-o/identify.hpp"
#include "cri-o/places.hpp"
#include "cri-o/schema.hpp"
#include "install/diff.hpp"
#include "install/or_throw.hpp"
#include "install/program.hpp"
#include "install/run.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;
using plugin::Report;

class HookRun : private install::Run {
 public:
  HookRun(const HookOptions& options, Report& report, bool apply)
      : Run(options, report, apply), options_(options), places_(places_of(node(), options_)) {}

  void install() {
    const std::string program = install::program_path(options_, source_version());
    const bool is_new = !node().is_directory(places_.ours);
    lock();
    if (apply()) {
      install::or_throw(node().make_directories(places_.ours));
      install::or_throw(node().remove_leftovers(places_.ours, "usher-" + options_.runtime + "-"));
    }
    put_program(program, after_all_files());
    for (const auto& file : hook_files(options_, program)) {
      put_file(file, program);
    }
    prune(program, all_hook_dirs(node(), places_));
    say_what_people_must_do(is_new, program);
  }

  void uninstall() {
    lock_to_remove();
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
      install::or_throw(node().remove_leftovers(dir, "usher-" + options_.runtime + "-"));
    }
    remove_programs(all_hook_dirs(node(), places_));
  }

 private:
  // The clock may have been set back since they were written: they must look older all the same.
  timespec after_all_files() const {
    timespec last{};
    for (const auto& name : hook_file_names(options_.runtime)) {
      const auto written = node().written_at(fs::path(places_.ours) / name);
      last = written && is_older(last, *written) ? *written : last;
    }
    const bool carry = ++last.tv_nsec == 1'000'000'000;
    return carry ? timespec{last.tv_sec + 1, 0} : last;
  }

  void put_file(const HookFile& file, const std::string& program) {
    const std::string path = fs::path(places_.ours) / file.name;
    const auto now = content_of(path, kMaxHookFile);
    const auto written = node().written_at(path);
    const auto program_at = node().written_at(program);
    const bool again =
        changed_program() || !program_at || !written || is_older(*written, *program_at);
    if (now == file.content && !again) {
      report().step(USHER_STEP_KEEP, path, "is as it should be already");
      return;
    }
    const std::string what = now == file.content
                                 ? "written again: " + options_.runtime +
                                       " may have read it while its program was not there"
                                 : options_.runtime + " calls the hook";
    change(now ? USHER_STEP_REPLACE : USHER_STEP_CREATE, path, what,
           install::unified_diff(now.value_or(""), file.content, path),
           [&] { install::or_throw(node().put(path, file.content, 0644, program_at)); });
  }

  void say_what_people_must_do(bool new_directory, const std::string& program) {
    if (new_directory || !places_.is_read()) {
      report().step(USHER_STEP_MANUAL, places_.ours,
                    "make sure that hooks_dir of " + options_.runtime + " names this directory" +
                        (options_.runtime == kCriO ? ", then restart it: it watches only those "
                                                     "that were there at its start"
                                                   : ""));
    }
    if (options_.runtime == kCriO && podman_reads(places_.ours)) {
      report().step(USHER_STEP_MANUAL, places_.ours,
                    "podman reads this directory too, and its containers will be refused as none "
                    "of CRI-O's; where both run, give CRI-O a hooks_dir of its own");
    }
    say_selinux(program);
  }

  bool podman_reads(const std::string& dir) const {
    const auto dirs = podman_hooks_dirs(node());
    return dirs && std::ranges::find(*dirs, dir) != dirs->end() &&
           fs::exists(node().follow("/usr/bin/podman"));
  }

  const HookOptions& options_;
  Places places_;
};

}  // namespace

bool is_older(const timespec& file, const timespec& program) {
  return std::tie(file.tv_sec, file.tv_nsec) < std::tie(program.tv_sec, program.tv_nsec);
}

void plan_hooks(const HookOptions& options, Report& report) {
  HookRun(options, report, false).install();
}
void install_hooks(const HookOptions& options, Report& report) {
  HookRun(options, report, true).install();
}
void uninstall_hooks(const HookOptions& options, Report& report) {
  HookRun(options, report, true).uninstall();
}

}  // namespace usher::cri_o
