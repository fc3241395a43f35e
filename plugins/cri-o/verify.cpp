// usher.install/1's verify: is everything as install leaves it, and what else does the runtime
// read?
#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/escape.hpp"
#include "cri-o/hook_json.hpp"
#include "cri-o/identify.hpp"
#include "cri-o/installer.hpp"
#include "cri-o/places.hpp"
#include "cri-o/survey.hpp"
#include "install/check.hpp"
#include "install/diff.hpp"
#include "install/node.hpp"
#include "install/or_throw.hpp"
#include "install/program.hpp"
#include "install/running.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;
using plugin::Report;

class Check {
 public:
  Check(const HookOptions& options, Report& report)
      : options_(options),
        report_(report),
        node_(options.root, options.seen.get()),
        places_(places_of(node_, options)),
        hooks_(install::or_throw(survey(node_, places_.every()))) {}

  void run() {
    // Without the program that was installed from, this adapter's own version is what is expected.
    const auto version = install::version_of(options_.hook_source, options_);
    const std::string program = install::program_path(options_, version.value_or(USHER_VERSION));
    install::check_program(node_, options_, program, version.value_or(USHER_VERSION), mend(),
                           report_);
    for (const auto& file : hook_files(options_, program)) {
      check_file(file, program);
    }
    if (!places_.is_read()) {
      report_.problem(places_.ours + " is not among the hooks directories of " + options_.runtime +
                      "'s configuration; add it to hooks_dir and restart it");
    } else if (const auto pid =
                   options_.runtime == kCriO
                       ? install::started_before("crio", options_.root, node_.follow(places_.ours))
                       : std::nullopt) {
      report_.problem(places_.ours + " was made after CRI-O (pid " + std::to_string(*pid) +
                      ") had started, which does not look there until it is restarted; restart it");
    }
    for (const auto& hook : hooks_) {
      tell(hook);
    }
    tell_order();
    for (const auto& other : install::installed_programs(node_, options_)) {
      if (other != program) {
        report_.step(USHER_STEP_KEEP, other,
                     "a program of another version; install removes it when nothing names it");
      }
    }
  }

 private:
  std::string mend() const {
    return "run: usherctl runtime install cri-o, with the options of this runtime";
  }

  void check_file(const HookFile& file, const std::string& program) {
    const std::string path = fs::path(places_.ours) / file.name;
    const auto hook = std::ranges::find(hooks_, fs::path(path), &FoundHook::path);
    if (hook == hooks_.end()) {
      report_.problem(path + " is missing; " + mend());
      return;
    }
    const auto program_at = node_.written_at(program);
    const auto written = node_.written_at(path);
    if (hook->content != file.content) {
      report_.step(USHER_STEP_REPLACE, path, "is not as these settings make it",
                   install::unified_diff(hook->content, file.content, path));
      report_.problem(path + " is not as these settings make it; " + mend());
    } else if (program_at && written && is_older(*written, *program_at)) {
      report_.problem(path + " is older than its program: " + options_.runtime +
                      " may have read it while that was missing, and left it out; " + mend());
    } else {
      report_.step(USHER_STEP_KEEP, path, "is as it should be");
    }
    install::is_roots(node_, path, report_);
  }

  bool is_ours(const fs::path& path) const {
    const auto names = hook_file_names(options_.runtime);
    return std::ranges::find(names, path.filename().string()) != names.end();
  }

  // Files of others, and what is wrong with where ours lies.
  void tell(const FoundHook& hook) {
    const std::string path = escape(hook.path.string());
    if (!hook.definition) {
      // Ours was said already to be not as it should be; this is what that comes to.
      report_.problem(path + " keeps " + options_.runtime + " from " +
                      (options_.runtime == kPodman ? "running containers" : "starting") + ": it " +
                      escape(hook.definition.error().message) + "; mend or remove it");
      return;
    }
    if (is_ours(hook.path)) {
      if (!hook.replaced_by.empty()) {
        report_.problem(escape(hook.replaced_by) + " takes the place of " + path + "; remove it");
      }
      return;
    }
    const HookDefinition& it = *hook.definition;
    std::string what = "another hook";
    for (const auto& stage : it.stages) {
      what += (&stage == it.stages.data() ? ": " : ", ") + stage;
    }
    what += hook.program_missing
                ? "; left out silently, for its program " + escape(it.path) + " is not there"
            : !hook.replaced_by.empty()  ? "; " + escape(hook.replaced_by) + " takes its place"
            : it.never                   ? "; its conditions never hold"
            : it.old_schema || it.always ? ""
                                         : "; under conditions";
    for (const auto& remark : it.remarks) {
      what += "; " + remark;
    }
    report_.step(USHER_STEP_KEEP, hook.path.string(), what);
  }

  // Ours and the others of the gate's stage, one after the other.
  void tell_order() {
    std::string order;
    std::size_t count = 0;
    for (const auto& hook : hooks_) {
      if (!hook.takes_part()) {
        continue;
      }
      const auto& stages = hook.definition->stages;
      // A prestart hook is called in the same place, before all of createRuntime.
      if (std::ranges::find(stages, "createRuntime") != stages.end()) {
        order += (order.empty() ? "" : ", ") + escape(hook.path.filename().string());
        ++count;
      }
    }
    if (count > 1) {
      report_.step(USHER_STEP_KEEP, places_.ours, "createRuntime hooks in their order: " + order);
    }
  }

  const HookOptions& options_;
  Report& report_;
  install::Node node_;
  Places places_;
  std::vector<FoundHook> hooks_;
};

}  // namespace

void verify_hooks(const HookOptions& options, Report& report) {
  Check(options, report).run();
}

}  // namespace usher::cri_o
