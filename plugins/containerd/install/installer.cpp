#include "containerd/install/installer.hpp"

#include <algorithm>
#include <set>

#include "base/escape.hpp"
#include "containerd/install/draft.hpp"
#include "containerd/install/edit.hpp"
#include "containerd/install/files.hpp"
#include "containerd/install/serving.hpp"
#include "containerd/install/trial.hpp"
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
      or_throw(Trial::remove_leftovers(options_, node(), draft.config.root));
      files_.own_spec_dir();
    }
    // In mode inject it is the adapter that names it.
    if (!program.empty()) {
      put_program(program);
    }
    put_all(draft);
    remove_specs(draft);
    const auto running = serving(options_, node(), names_of(draft));
    if (options_.mode != Mode::inject && !running.all.empty() && running.stale.empty()) {
      prune(program, {options_.spec_dir});
    }
    say_the_rest(draft, program);
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

  // A signal that comes meanwhile takes effect when all is in its place, or back in it.
  void put_all(const Draft& draft) {
    const SignalsHeld held;
    std::vector<const DraftFile*> specs;
    std::vector<const DraftFile*> edits;
    for (const auto& spec : draft.specs) {
      put_spec(spec);
      if (spec.before != spec.after) {
        specs.push_back(&spec);
      }
    }
    for (const auto& file : draft.files) {
      if (file.before == file.after) {
        report().step(USHER_STEP_KEEP, file.path, "is as it should be already");
      } else {
        edits.push_back(&file);
      }
    }
    if (apply() && !(specs.empty() && edits.empty())) {
      try_out(draft, edits, specs);
    }
    put_config(draft, edits);
  }

  // Nothing of the configuration was written yet; where this throws, the specs are as they were.
  void try_out(const Draft& draft, const std::vector<const DraftFile*>& edits,
               const std::vector<const DraftFile*>& specs) {
    if (!options_.try_start) {
      for (const auto* file : edits) {
        if (const auto read = try_to_read(*file, draft, edits.size() == 1); !read) {
          put_specs_back(specs);
          throw Failure(read.error().message);
        }
      }
      report().step(USHER_STEP_KEEP, options_.config,
                    "containerd was not started on it, as was asked for: whether it will start is "
                    "seen at its restart");
      return;
    }
    const Trial trial(options_, node(), programs_, draft);
    const auto tried = trial.run(edits);
    if (tried) {
      report().step(USHER_STEP_KEEP, options_.config,
                    "containerd was started on it, on trial and apart, and came up with CRI");
      return;
    }
    put_specs_back(specs);
    const bool was_sound = draft.config.missing || SignalsHeld::one_waits() || trial.run_as_it_is();
    throw Failure("containerd does not start on the edited " + escape(options_.config) +
                  ", which was left as it is: " + tried.error().message +
                  (was_sound ? "" : "; nor does it on the one that is there now: mend that first") +
                  "; the setting try_start (--no-start) leaves this trial out");
  }

  void put_specs_back(const std::vector<const DraftFile*>& specs) {
    for (const auto* spec : specs) {
      if (spec->before) {
        or_throw(node().put(spec->path, *spec->before, 0644));
      } else {
        or_throw(node().remove(spec->path));
      }
    }
  }

  Result<> try_to_read(const DraftFile& file, const Draft& draft, bool alone) {
    const auto candidate = files_.candidate_path(file.path);
    or_throw(node().make_directories(std::filesystem::path(candidate).parent_path()));
    or_throw(node().put(candidate, file.after, 0600));
    const auto dump = programs_.dump(candidate);
    or_throw(node().remove(candidate));
    if (!dump) {
      return fail("containerd does not take the edited " + escape(file.path) +
                  ", which was left as it is: " + dump.error().message);
    }
    alone = alone && file.path == options_.config;
    if (const auto missing = alone ? missing_in(*dump, draft, options_) : ""; !missing.empty()) {
      return fail("containerd reads the edited " + escape(file.path) +
                  " in another way than it is meant, so it was left as it is: " + missing);
    }
    return {};
  }

  void put_config(const Draft& draft, const std::vector<const DraftFile*>& edits) {
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

}  // namespace usher::containerd
