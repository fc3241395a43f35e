// usher.install/1's verify: is everything as install leaves it, and does the containerd that runs
// use it?
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <sstream>

#include "base/escape.hpp"
#include "containerd/install/draft.hpp"
#include "containerd/install/in_force.hpp"
#include "containerd/install/installer.hpp"
#include "containerd/install/serving.hpp"
#include "install/check.hpp"
#include "install/diff.hpp"
#include "install/or_throw.hpp"
#include "install/program.hpp"

namespace usher::containerd {
namespace {

using plugin::Report;

constexpr std::chrono::seconds kStatusDeadline{5};
constexpr const char* kMend =
    "run: usherctl runtime install containerd, with the options of this runtime";

// /var/run is a link to /run wherever there is a containerd.
std::string without_var(const std::string& path) {
  return path.starts_with("/var/run/") ? path.substr(4) : path;
}

class Check {
 public:
  Check(const InstallOptions& options, Report& report)
      : options_(options), report_(report), node_(options.root), programs_(options_, node_) {}

  void run() {
    const auto version = install::version_of(options_.hook_source, options_);
    const auto program = install::program_path(options_, version.value_or(USHER_VERSION));
    if (options_.mode != Mode::nri) {
      install::check_program(node_, options_, program, version.value_or(USHER_VERSION), kMend,
                             report_);
    }
    std::optional<Draft> made;
    try {
      made = make_draft(options_, node_, programs_, program);
    } catch (const plugin::Failure& failure) {
      if (failure.code() != EBADMSG) {
        throw;
      }
      report_.problem(failure.what());
      ask_anyway();
      return;
    }
    const Draft& draft = *made;
    for (const auto* list : {&draft.specs, &draft.files}) {
      for (const auto& file : *list) {
        check_file(file);
      }
    }
    for (const auto& file : draft.config.files) {
      for (const auto& left : file.left) {
        report_.problem(left + "; mend it by hand");
      }
    }
    for (const auto& sentence : draft.skipped) {
      report_.step(USHER_STEP_KEEP, options_.config, sentence);
    }
    check_sockets(draft);
    check_reading(draft);
    check_running(draft);
  }

 private:
  void check_file(const DraftFile& file) {
    if (file.before == file.after) {
      report_.step(USHER_STEP_KEEP, file.path, "is as it should be");
    } else if (!file.before) {
      report_.problem(file.path + " is missing; " + kMend);
      return;
    } else {
      report_.step(USHER_STEP_REPLACE, file.path, "is not as these settings make it",
                   install::unified_diff(*file.before, file.after, file.path));
      report_.problem(file.path + " is not as these settings make it; " + kMend);
    }
    install::is_roots(node_, file.path, report_);
  }

  // Does the adapter ask where containerd listens?
  void check_sockets(const Draft& draft) {
    const auto compare = [&](const std::string& listens, const std::string& asks, const char* key) {
      if (!asks.empty() && without_var(listens) != without_var(asks)) {
        report_.problem("containerd listens on " + escape(listens) + ", and the adapter asks " +
                        escape(asks) + "; write " + key + " = \"" + escape(listens) +
                        "\" in [adapters.containerd]");
      }
    };
    compare(draft.config.address, options_.cri_socket, "cri.socket");
    if (draft.nri) {
      compare(draft.config.nri.socket, options_.nri_socket, "nri.socket");
    }
  }

  // What containerd itself makes of the files.
  void check_reading(const Draft& draft) {
    if (draft.config.missing) {
      return;
    }
    const auto dump = programs_.dump(options_.config);
    if (!dump) {
      report_.problem("containerd would not start on " + options_.config + ": " +
                      dump.error().message);
    } else if (const auto missing = missing_in(*dump, draft, options_); !missing.empty()) {
      report_.problem("containerd reads " + options_.config + " so that " + missing + "; " + kMend);
    }
  }

  void check_running(const Draft& draft) {
    std::vector<std::string> names;
    for (const auto* list : {&draft.specs, &draft.files}) {
      for (const auto& file : *list) {
        names.push_back(file.path);
      }
    }
    const auto running = serving(options_, node_, names);
    if (!running.stale.empty()) {
      report_.problem("containerd (pid " + std::to_string(running.stale.front()) +
                      ") started before its configuration was changed, and reads it at its start "
                      "only; restart it");
      return;
    }
    if (!running.all.empty()) {
      ask_plugins(draft);
      ask_specs(draft);
      return;
    }
    for (const auto& other : running.others) {
      report_.problem("containerd (pid " + std::to_string(other.pid) + ") runs with " +
                      escape(other.config) + ", not with " + options_.config +
                      ": what is installed does not reach it; if it is Kubernetes' own, write "
                      "config = \"" +
                      escape(other.config) + "\" in [adapters.containerd] and install again");
    }
    // It may run where its process cannot be seen: the socket says then what is in force.
    if (const auto specs = in_force(cri_socket(draft), kStatusDeadline)) {
      compare_specs(draft, *specs);
      ask_plugins(draft);
    } else {
      report_.problem("no containerd that reads " + options_.config +
                      " was seen running, and none answers on " + escape(cri_socket(draft)) + " (" +
                      specs.error().message +
                      "): nothing shows that the hook is in force; start it and verify again (in a "
                      "container that takes hostPID, or its socket mounted)");
    }
  }

  // Of a configuration that cannot be read: the containerd that runs read it, or another, before.
  void ask_anyway() {
    Draft draft;
    const auto told = in_force(cri_socket(draft), kStatusDeadline);
    if (!told) {
      report_.problem("no containerd says with what it begins containers: " + told.error().message);
      return;
    }
    for (const auto& [name, handler] : told->runtimes) {
      if (gets_hook(options_, name, handler.type)) {
        draft.runtimes.push_back({name, handler.type, "", false, 0});
      }
    }
    compare_specs(draft, *told);
  }

  // As it lies here.
  std::string cri_socket(const Draft& draft) const {
    return options_.cri_socket.empty() ? node_.follow(draft.config.address).string()
                                       : options_.cri_socket;
  }

  void ask_plugins(const Draft& draft) {
    const auto listed = programs_.plugins(draft.config.address);
    if (!listed) {
      report_.problem("the containerd that runs does not answer: " + listed.error().message);
      return;
    }
    check_plugin(
        *listed, "io.containerd.grpc.v1", "cri",
        "it would run no pods; its log says why (a base runtime spec that it cannot read?)");
    if (draft.nri) {
      check_plugin(*listed, "io.containerd.nri.v1", "nri",
                   "labels do not come from it; its log says why");
    }
  }

  // What it begins containers with, by its own word.
  void ask_specs(const Draft& draft) {
    if (draft.runtimes.empty()) {
      return;
    }
    const auto specs = in_force(cri_socket(draft), kStatusDeadline);
    if (specs) {
      compare_specs(draft, *specs);
    } else {
      report_.problem("the containerd that runs does not say with what it begins containers: " +
                      specs.error().message);
    }
  }

  void compare_specs(const Draft& draft, const Handlers& told) {
    for (const auto& runtime : draft.runtimes) {
      const auto found = told.runtimes.find(runtime.name);
      const std::string spec = found == told.runtimes.end() ? "" : found->second.base_spec;
      if (spec != options_.spec_path(runtime.name)) {
        report_.problem("the containerd that runs begins containers of the runtime " +
                        escape(runtime.name) + " with " +
                        (spec.empty() ? "its own base spec" : escape(spec)) + ", not with " +
                        options_.spec_path(runtime.name) + "; restart it");
      } else {
        report_.step(USHER_STEP_KEEP, spec,
                     "the containerd that runs begins containers of the runtime " +
                         escape(runtime.name) + " with it");
      }
    }
  }

  // A line is: TYPE ID PLATFORMS STATUS.
  void check_plugin(const std::string& listed, const std::string& type, const std::string& id,
                    const std::string& means) {
    std::istringstream lines(listed);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string first, second, platforms, status;
      words >> first >> second >> platforms >> status;
      if (first == type && second == id) {
        if (status == "ok") {
          report_.step(USHER_STEP_KEEP, options_.config, "the containerd that runs has " + id);
        } else {
          report_.problem("the containerd that runs has " + id + " in state \"" + escape(status) +
                          "\": " + means);
        }
        return;
      }
    }
    report_.problem("the containerd that runs has no " + id + ": " + means);
  }

  const InstallOptions& options_;
  Report& report_;
  install::Node node_;
  Programs programs_;
};

}  // namespace

void verify_containerd(const InstallOptions& options, Report& report) {
  Check(options, report).run();
}

}  // namespace usher::containerd
