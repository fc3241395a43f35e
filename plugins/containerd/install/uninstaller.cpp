// usher.install/1's uninstall: our own lines, in the reverse order of install.
#include <algorithm>

#include "base/escape.hpp"
#include "containerd/install/config.hpp"
#include "containerd/install/edit.hpp"
#include "containerd/install/files.hpp"
#include "containerd/install/installer.hpp"
#include "containerd/install/programs.hpp"
#include "containerd/install/serving.hpp"
#include "containerd/install/trial.hpp"
#include "install/diff.hpp"
#include "install/or_throw.hpp"
#include "install/program.hpp"
#include "install/run.hpp"

namespace usher::containerd {
namespace {

using install::or_throw;
using plugin::Report;

class Removal : private install::Run {
 public:
  Removal(const InstallOptions& options, Report& report)
      : Run(options, report, true),
        options_(options),
        files_(options_, node()),
        programs_(options_, node()) {}

  void uninstall() {
    lock_to_remove();
    files_.check_owner();
    std::string root = Config().root;
    const auto paths = all_paths(root);
    or_throw(Trial::remove_leftovers(options_, node(), root));
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
  // All that may hold lines of ours, in the order in which they were written. A configuration that
  // cannot be read whole must not keep ours in it.
  // `root` becomes containerd's, where that can be read.
  std::vector<std::string> all_paths(std::string& root) const {
    std::vector<std::string> out = {options_.config};
    const auto add = [&out](const std::string& path) {
      if (std::ranges::find(out, path) == out.end()) {
        out.push_back(path);
      }
    };
    if (const auto generation = programs_.generation()) {
      if (const auto config = read_config(node(), options_.config, *generation, Ours::taken_back)) {
        root = config->root;
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
    const auto back = or_throw(files_.explained(take_back(*now, path)));
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

void uninstall_containerd(const InstallOptions& options, Report& report) {
  Removal(options, report).uninstall();
}

}  // namespace usher::containerd
