#include "kata/install/installer.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "base/escape.hpp"
#include "install/diff.hpp"
#include "install/or_throw.hpp"
#include "install/program.hpp"
#include "install/run.hpp"
#include "kata/install/shipment.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;
using plugin::Report;

constexpr std::size_t kMaxFile = 1U << 20;

// What a pod's author could do to the guest's hook with it.
struct Annotation {
  const char* name;
  const char* what;
  bool bound;  // only to one that is mounted into the guest
};
constexpr Annotation kAnnotations[] = {
    {"guest_hook_path", "leave the guest hook out", false},
    {"kernel_params", "switch the guest's BPF LSM off", false},
    {"image", "boot an image without the hook", false},
    {"initrd", "boot an image without the hook", false},
    {"kernel", "boot a kernel that enforces nothing", false},
    {"firmware", "boot what it likes", false},
    {"shared_fs", "keep the hook's folder out of the guest", true},
    {"virtio_fs_daemon", "keep the hook's folder out of the guest", true},
    {"virtio_fs_extra_args", "keep the hook's folder out of the guest", true},
};

std::string quoted(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) {
    out += (out.empty() ? "\"" : ", \"") + item + "\"";
  }
  return "[" + out + "]";
}

class KataRun : private install::Run {
 public:
  KataRun(const InstallOptions& options, Report& report, bool apply)
      : Run(options, report, apply), options_(options) {}

  void install() {
    source_version();
    lock();
    for (const auto* stage : kStages) {
      const auto folder = options_.hooks_dir() + "/" + stage;
      make(folder);
      remove_link(folder + "/" + kHookName);
      put_program(folder + "/" + kHookName);
    }
    put(options_.hooks_dir() + "/" + kHookConfig, hook_config(options_),
        "the hook's configuration");
    auto all = configurations_of(node());
    for (const auto& problem : all.problems) {
      report().problem(problem);
    }
    const auto to = chosen(options_, std::move(all));
    for (const auto& one : to) {
      configure(one);
    }
    if (to.empty()) {
      report().step(USHER_STEP_MANUAL, "",
                    "no configuration of Kata's is here: set guest_hook_path = \"" +
                        options_.guest_path + "\" under its [hypervisor.NAME]");
    }
    if (!options_.bind) {
      report().step(USHER_STEP_MANUAL, options_.hooks_dir(),
                    "put this folder into the guest's image as " + options_.guest_path +
                        " (osbuilder: GUEST_HOOKS_TARBALL), or set bind = true");
    }
  }

  void uninstall() {
    lock_to_remove();
    // Also from configurations that install would not choose now.
    for (const auto& one : configurations_of(node()).found) {
      take_back(one.drop_in, "Kata looks for no guest hook any more");
      remove_if_empty(fs::path(one.drop_in).parent_path());
    }
    for (const auto* stage : kStages) {
      const auto folder = options_.hooks_dir() + "/" + stage;
      remove(folder + "/" + kHookName, "it goes into no guest any more");
      remove_if_empty(folder);
    }
    take_back(options_.hooks_dir() + "/" + kHookConfig, "it goes into no guest any more");
    remove_if_empty(options_.hooks_dir());
  }

 private:
  void make(const std::string& directory) {
    if (apply()) {
      install::or_throw(node().make_directories(directory));
    }
  }

  // Kata passes links over.
  void remove_link(const std::string& path) {
    std::error_code none;
    if (fs::is_symlink(node().entry(path), none)) {
      remove(path, "a link, which Kata passes over");
    }
  }

  void put(const std::string& path, const std::string& content, const std::string& what) {
    const auto now = content_of(path, kMaxFile);
    if (now == content) {
      report().step(USHER_STEP_KEEP, path, "is as it should be already");
      return;
    }
    if (now && !now->starts_with(kOurs)) {
      throw plugin::Failure(path + " is not Usher's: see what it is, move it away and try again");
    }
    change(now ? USHER_STEP_REPLACE : USHER_STEP_CREATE, path, what,
           install::unified_diff(now.value_or(""), content, path), [&] {
             make(fs::path(path).parent_path());
             install::or_throw(node().put(path, content, 0644));
           });
  }

  void configure(const Configuration& to) {
    for (const auto& objection : objections(options_, to)) {
      report().step(USHER_STEP_MANUAL, to.file, objection);
    }
    if (hypervisors_of(options_, to).empty()) {
      report().problem(to.file + " has no [hypervisor.NAME]; the setting hypervisor names one");
      return;
    }
    put(to.drop_in, drop_in(options_, to), "Kata looks for guest hooks in new sandboxes");
  }

  void take_back(const std::string& path, const std::string& why) {
    const auto now = content_of(path, kMaxFile);
    if (now && !now->starts_with(kOurs)) {
      report().step(USHER_STEP_KEEP, path, "is not Usher's");
    } else if (now) {
      remove(path, why);
    }
  }

  void remove_if_empty(const std::string& directory) {
    std::error_code failed;
    const auto there = node().follow(directory);
    if (apply() && fs::is_directory(there, failed) && fs::is_empty(there, failed) && !failed) {
      fs::remove(there, failed);
    }
  }

  const InstallOptions& options_;
};

}  // namespace

std::vector<std::string> hypervisors_of(const InstallOptions& options, const Configuration& of) {
  if (!options.hypervisor.empty()) {
    return {options.hypervisor};
  }
  std::vector<std::string> out;
  for (const auto& [name, ignored] : of.hypervisors) {
    out.push_back(name);
  }
  return out;
}

std::string drop_in(const InstallOptions& options, const Configuration& of) {
  std::string out = std::string(kOurs) + " Taken back by: usherctl runtime uninstall kata\n";
  for (const auto& name : hypervisors_of(options, of)) {
    out += "\n[hypervisor." + name + "]\nguest_hook_path = \"" + options.guest_path + "\"\n";
  }
  if (options.bind) {
    auto mounts = of.bind_mounts;  // a drop-in's list takes the place of the one before
    if (std::ranges::find(mounts, options.ship_dir) == mounts.end()) {
      mounts.push_back(options.ship_dir);
    }
    out += "\n[runtime]\nsandbox_bind_mounts = " + quoted(mounts) + "\n";
  }
  return out;
}

std::vector<Configuration> chosen(const InstallOptions& options, Configurations found) {
  if (!options.shims.empty()) {
    std::erase_if(found.found, [&](const Configuration& one) {
      return std::ranges::find(options.shims, one.shim) == options.shims.end();
    });
  }
  return std::move(found.found);
}

std::vector<std::string> objections(const InstallOptions& options, const Configuration& to) {
  std::vector<std::string> out;
  for (const auto& [name, hypervisor] : to.hypervisors) {
    const std::string table = "[hypervisor." + name + "]";
    if (!hypervisor.guest_hook_path.empty() && hypervisor.guest_hook_path != options.guest_path) {
      out.push_back(escape(hypervisor.guest_hook_path_from) + ": guest_hook_path of " + table +
                    " is " + escape(hypervisor.guest_hook_path) +
                    ", and Kata knows one folder: put those hooks beside Usher's, or Usher's there "
                    "and set guest_path to it");
    }
    std::map<std::string, std::string> let_in;  // by pattern
    for (const auto& [annotation, what, bound] : kAnnotations) {
      if (bound && !options.bind) {
        continue;
      }
      for (const auto& pattern : patterns_for(hypervisor.enable_annotations, annotation)) {
        auto& all = let_in[pattern];
        all += (all.empty() ? "" : ", ") + std::string(what) + " (" + annotation + ")";
      }
    }
    for (const auto& [pattern, all] : let_in) {
      out.push_back("take \"" + escape(pattern) + "\" out of enable_annotations of " + table +
                    ": with it whoever writes a pod may " + all);
    }
  }
  for (const auto& file : to.over_ours) {
    out.push_back(escape(file) + " is read after " + std::string(kDropIn) +
                  " and says something else of guest_hook_path or sandbox_bind_mounts; rename it "
                  "to come before, or take that out");
  }
  return out;
}

void plan_kata(const InstallOptions& options, Report& report) {
  KataRun(options, report, false).install();
}
void install_kata(const InstallOptions& options, Report& report) {
  KataRun(options, report, true).install();
}
void uninstall_kata(const InstallOptions& options, Report& report) {
  KataRun(options, report, true).uninstall();
}

}  // namespace usher::kata
