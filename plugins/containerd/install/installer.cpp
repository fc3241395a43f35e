#include "containerd/install/installer.hpp"

#include <algorithm>
#include <set>

#include "base/escape.hpp"
#include "containerd/install/draft.hpp"
#include "containerd/install/edit.hpp"
#include "containerd/install/files.hpp"
#include "containerd/install/serving.hpp"
#include "install/diff.hpp"
#include "install/or_throw.hpp"
#include "install/program.hpp"
#include "install/run.hpp"

namespace usher::containerd {
namespace {

using install::or_throw;
using plugin::Failure;
using plugin::Report;

class ContainerdRun : private install::Run {
 public:
  ContainerdRun(const InstallOptions& options, Report& report, bool apply)
      : Run(options, report, apply),
        options_(options),
        files_(options_, node()),
        programs_(options_, node()) {}

  void install() {
    // NRI alone calls no hook.

    const std::string program =
        options_.mode == Mode::nri ? "" : install::program_path(options_, source_version());
    lock();
    const Draft draft = make_draft(options_, node(), programs_, program);
    for (const auto& file : draft.files) {
      if (file.before != file.after) {
        files_.check_no_link(file.path);
      }
    }
    if (apply()) {
      or_throw(node().make_directories(options_.spec_dir));
      for (const auto& file : draft.files) {
        files_.remove_leftovers(file.path);
      }
      files_.remove_own_leftovers();
      files_.own_spec_dir();
    }
    // In mode inject it is the adapter that names it.
    if (!program.empty()) {
      put_program(program);
    }
    for (const auto& spec : draft.specs) {
      put_spec(spec);
    }
    put_config(draft);
    remove_specs(draft);
    const auto running = serving(options_, node(), names_of(draft));
    if (options_.mode != Mode::inject && !running.all.empty() && running.stale.empty()) {
      prune(program, {options_.spec_dir});
    }
    say_the_rest(draft, program);
  }

  void uninstall() {
    lock_to_remove();
    files_.check_owner();
    const auto paths = all_paths();
    for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
      take_out(*path);
    }
    for (const auto& spec : files_.specs()) {
      if (const auto by = files_.named_by(spec, paths); by.empty()) {
        remove(spec, "containerd begins no container with it any more");
      } else {
        report().step(USHER_STEP_MANUAL, spec,
                      "stays, as " + by + " names it in a line that is not Usher's");
      }
    }
    files_.leave_spec_dir();
    files_.remove_own_leftovers();
    const auto running = serving(options_, node(), {paths.begin(), paths.end()});
    if (install::installed_programs(node(), options_).empty()) {
      return;
    }
    if (const auto why = still_called(options_, running); !why.empty()) {
      report().step(USHER_STEP_MANUAL, options_.hook_dir, why);
      return;
    }
    remove_programs({options_.spec_dir});
  }

 private:
  static std::vector<std::string> names_of(const Draft& draft) {
    std::vector<std::string> out;
    for (const auto* list : {&draft.specs, &draft.files}) {
      for (const auto& file : *list) {
        out.push_back(file.path);
      }
    }
    return out;
  }

  void put_spec(const DraftFile& spec) {
    if (spec.before == spec.after) {
      report().step(USHER_STEP_KEEP, spec.path, "is as it should be already");
      return;
    }
    change(spec.before ? USHER_STEP_REPLACE : USHER_STEP_CREATE, spec.path,
           "what containerd begins a container with: the hook is in it",
           install::unified_diff(spec.before.value_or(""), spec.after, spec.path),
           [&] { or_throw(node().put(spec.path, spec.after, 0644)); });
  }

  // One after the other, and none where the real containerd does not take it.
  void put_config(const Draft& draft) {
    std::vector<const DraftFile*> edits;
    for (const auto& file : draft.files) {
      if (file.before == file.after) {
        report().step(USHER_STEP_KEEP, file.path, "is as it should be already");
      } else {
        edits.push_back(&file);
      }
    }
    for (const auto* file : edits) {
      try_out(*file, draft, edits.size() == 1 && file->path == options_.config);
    }
    std::vector<const DraftFile*> done;
    for (const auto* file : edits) {
      if (apply()) {
        files_.check_unchanged(file->path, file->before);
      }
      if (file->before && !files_.has_backup(file->path)) {
        change(USHER_STEP_CREATE, options_.backup_path(file->path),
               "a backup of " + file->path + " as it was", "",
               [&] { files_.make_backup(file->path, *file->before); });
      }
      change(file->before ? USHER_STEP_REPLACE : USHER_STEP_CREATE, file->path,
             "containerd's configuration",
             install::unified_diff(file->before.value_or(""), file->after, file->path),
             [&] { files_.put(file->path, file->before, file->after); });
      done.push_back(file);
    }
    if (apply() && !edits.empty()) {
      check_whole(draft, done);
    }
  }

  void try_out(const DraftFile& file, const Draft& draft, bool alone) {
    if (!apply()) {
      return;
    }
    const auto candidate = files_.candidate_path(file.path);
    or_throw(node().make_directories(std::filesystem::path(candidate).parent_path()));
    or_throw(node().put(candidate, file.after, 0600));
    const auto dump = programs_.dump(candidate);
    or_throw(node().remove(candidate));
    if (!dump) {
      throw Failure("containerd does not take the edited " + escape(file.path) +
                    ", which was left as it is: " + dump.error().message);
    }
    if (const auto missing = alone ? missing_in(*dump, draft, options_) : ""; !missing.empty()) {
      throw Failure("containerd reads the edited " + escape(file.path) +
                    " in another way than it is meant, so it was left as it is: " + missing);
    }
  }

  // With all of its imports. What is wrong now goes back to what it was.
  void check_whole(const Draft& draft, const std::vector<const DraftFile*>& done) {
    const auto dump = programs_.dump(options_.config);
    const std::string wrong = dump ? missing_in(*dump, draft, options_) : dump.error().message;
    if (wrong.empty()) {
      return;
    }
    for (auto file = done.rbegin(); file != done.rend(); ++file) {
      if ((*file)->before) {
        files_.put((*file)->path, (*file)->after, *(*file)->before);
      } else {
        or_throw(node().remove((*file)->path));
      }
    }
    throw Failure(
        "containerd does not read the edited configuration as it is meant, so it was put "
        "back: " +
        wrong);
  }

  // Those of runtimes that get no hook any more; the configuration names them no longer.
  void remove_specs(const Draft& draft) {
    for (const auto& spec : files_.specs()) {
      const bool named = std::ranges::any_of(draft.config.files, [&](const ConfigFile& file) {
        return file.clean.find(spec) != std::string::npos;
      });
      if (!named && std::ranges::find(draft.specs, spec, &DraftFile::path) == draft.specs.end()) {
        remove(spec, "no runtime names it any more");
      }
    }
  }

  void say_the_rest(const Draft& draft, const std::string& program) {
    for (const auto& sentence : draft.skipped) {
      report().step(USHER_STEP_KEEP, options_.config, sentence);
    }
    for (const auto& file : draft.config.files) {
      for (const auto& left : file.left) {
        report().step(USHER_STEP_MANUAL, file.path, left);
      }
    }
    if (const auto running = serving(options_, node(), names_of(draft)); !running.stale.empty()) {
      report().step(USHER_STEP_MANUAL, options_.config,
                    "restart containerd (pid " + std::to_string(running.stale.front()) +
                        "), which reads its configuration at its start only; containers that run "
                        "go on running");
    } else if (changed() != 0 && !running.all.empty()) {
      report().step(USHER_STEP_MANUAL, options_.config,
                    "containerd has to be restarted then: it reads its configuration at its start "
                    "only; containers that run go on running");
    }
    if (!program.empty()) {
      say_selinux(program);
    }
  }

  // All that may hold lines of ours, in the order in which they were written. A configuration that
  // cannot be read whole must not keep ours in it.
  std::vector<std::string> all_paths() const {
    std::vector<std::string> out = {options_.config};
    const auto add = [&out](const std::string& path) {
      if (std::ranges::find(out, path) == out.end()) {
        out.push_back(path);
      }
    };
    if (const auto generation = programs_.generation()) {
      if (const auto config = read_config(node(), options_.config, *generation, Ours::taken_back)) {
        for (const auto& file : config->files) {
          add(file.path);
        }
      }
    }
    for (const auto& path : files_.edited()) {
      add(path);
    }
    return out;
  }

  void take_out(const std::string& path) {
    files_.remove_leftovers(path);
    const auto now = content_of(path, kMaxConfig);
    if (!now) {
      return;
    }
    const auto back = or_throw(take_back(*now, path));
    for (const auto& left : back.left) {
      report().step(USHER_STEP_MANUAL, path, left);
    }
    const bool existed = files_.has_backup(path);
    if (back.text != *now) {
      if (back.text.empty() && !existed) {
        remove(path, "there was none before");
        return;
      }
      change(USHER_STEP_REPLACE, path, "without Usher's lines",
             install::unified_diff(*now, back.text, path),
             [&] { files_.put(path, now, back.text); });
    }
    if (existed && apply()) {
      const auto backup = options_.backup_path(path);
      if (files_.drop_backup(path, back.text)) {
        report().step(USHER_STEP_REMOVE, backup, "the file is again as it was");
      } else {
        report().step(USHER_STEP_KEEP, backup,
                      "the file as it was before; it was changed since by others");
      }
    }
  }

  const InstallOptions& options_;
  ConfigFiles files_;
  Programs programs_;
};

}  // namespace

void plan_containerd(const InstallOptions& options, Report& report) {
  ContainerdRun(options, report, false).install();
}
void install_containerd(const InstallOptions& options, Report& report) {
  ContainerdRun(options, report, true).install();
}
void uninstall_containerd(const InstallOptions& options, Report& report) {
  ContainerdRun(options, report, true).uninstall();
}

}  // namespace usher::containerd
