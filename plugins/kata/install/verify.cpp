// usher.install/1's verify: would Kata call the hook in a new sandbox, and can a pod prevent it?
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/escape.hpp"
#include "install/check.hpp"
#include "install/diff.hpp"
#include "install/or_throw.hpp"
#include "install/program.hpp"
#include "kata/install/installer.hpp"
#include "kata/install/shipment.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;
using plugin::Report;

constexpr std::size_t kMaxFile = 1U << 20;
constexpr const char* kMend = "; run: usherctl runtime install kata, with the options of this node";

class Check {
 public:
  Check(const InstallOptions& options, Report& report)
      : options_(options), report_(report), node_(options.root) {}

  void run() {
    const auto version = install::version_of(options_.hook_source, options_);
    check_folder(node_, options_.hooks_dir(), version.value_or(USHER_VERSION));
    if (!options_.image.empty()) {
      check_image(version.value_or(USHER_VERSION));
    }
    auto all = configurations_of(node_);
    for (const auto& problem : all.problems) {
      report_.problem(problem);
    }
    const auto to = chosen(options_, std::move(all));
    if (to.empty()) {
      report_.problem("no configuration of Kata's is here, or none of those that `shims` names");
    }
    for (const auto& one : to) {
      check_configuration(one);
    }
  }

 private:
  void check_image(const std::string& version) {
    if (!node_.is_directory(options_.image)) {
      return report_.problem(options_.image +
                             " is no directory: image is to name the unpacked root of a guest");
    }
    // Paths in it are the guest's.
    check_folder(install::Node(node_.follow(options_.image)), options_.guest_path, version);
  }

  void check_folder(const install::Node& node, const std::string& folder,
                    const std::string& version) {
    for (const std::string stage : kStages) {
      check_stage(node, folder + "/" + stage, version);
    }
    const auto path = folder + "/" + kHookConfig;
    const auto read = node.read(path, kMaxFile);
    if (!read) {
      return report_.problem(read.error().message + ": the hook stops every container" + kMend);
    }
    const auto& now = *read;
    const auto should = hook_config(options_);
    if (!now) {
      report_.problem(path + " is missing: the hook stops every container" + kMend);
    } else if (*now != should) {
      report_.step(USHER_STEP_REPLACE, path, "is not as these settings make it",
                   install::unified_diff(*now, should, path));
      report_.problem(path + " is not as these settings make it" + kMend);
    } else {
      report_.step(USHER_STEP_KEEP, path, "is as it should be");
    }
  }

  // By the rules of Kata's scan.
  void check_stage(const install::Node& node, const std::string& folder,
                   const std::string& version) {
    const auto scanned = scan(node, folder);
    for (const auto& one : scanned.passed_over) {
      report_.problem(folder + "/" + escape(one) + ": Kata does not call it" + kMend);
    }
    for (const auto& name : scanned.called) {
      if (name != kHookName) {
        report_.step(USHER_STEP_KEEP, folder + "/" + name,
                     "another hook; Kata calls them in no certain order");
      }
    }
    if (std::ranges::find(scanned.called, kHookName) != scanned.called.end()) {
      install::check_program(node, options_, folder + "/" + kHookName, version, kMend + 2, report_);
    } else if (std::ranges::none_of(scanned.passed_over, [](const std::string& one) {
                 return one.starts_with(std::string(kHookName) + ":");
               })) {
      report_.problem(folder + "/" + kHookName + " is missing: Kata calls no hook there" + kMend);
    }
  }

  void check_configuration(const Configuration& to) {
    for (const auto& objection : objections(options_, to)) {
      report_.problem(to.file + ": " + objection);
    }
    const auto now = install::or_throw(node_.read(to.drop_in, kMaxFile));
    const auto should = drop_in(options_, to);
    if (!now) {
      report_.problem(to.drop_in + " is missing: Kata calls no guest hook" + kMend);
    } else if (*now != should) {
      report_.step(USHER_STEP_REPLACE, to.drop_in, "is not as these settings make it",
                   install::unified_diff(*now, should, to.drop_in));
      report_.problem(to.drop_in + " is not as these settings make it" + kMend);
    } else {
      report_.step(USHER_STEP_KEEP, to.drop_in, "is as it should be");
    }
    if (now) {
      install::is_roots(node_, to.drop_in, report_);
    }
  }

  const InstallOptions& options_;
  Report& report_;
  install::Node node_;
};

}  // namespace

void verify_kata(const InstallOptions& options, Report& report) {
  Check(options, report).run();
}

}  // namespace usher::kata
