// A node under a prefix for the tests of containerd's installer, with programs that stand for
// containerd and ctr: the one says a version and prints a configuration as it lies there, with
// NRI's defaults; the other prints a spec.
#pragma once

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "containerd/install/installer.hpp"
#include "running_containerd.hpp"
#include "scratch.hpp"

namespace usher::test::containerd {

namespace fs = std::filesystem;
using usher::containerd::InstallOptions;
using usher::containerd::Mode;

inline const std::string kConfig = "/etc/containerd/config.toml";
inline const std::string kSpec = "/etc/usher/containerd/base-runc.json";
inline const std::string kBackup = "/etc/usher/containerd/backup/%2Fetc%2Fcontainerd%2Fconfig.toml";
inline const std::string kHook = "/opt/usher/bin/usher-hook-1.2.3";

struct Told {
  struct Step {
    std::uint32_t kind;
    std::string path, what, diff;
  };
  std::vector<Step> steps;
  std::vector<std::string> problems;
  std::string error;

  bool has_problem(const std::string& part) const {
    return std::ranges::any_of(
        problems, [&](const auto& problem) { return problem.find(part) != std::string::npos; });
  }
  bool has_step(std::uint32_t kind, const std::string& path, const std::string& part = "") const {
    return std::ranges::any_of(steps, [&](const Step& step) {
      return step.kind == kind && step.path == path && step.what.find(part) != std::string::npos;
    });
  }
  std::size_t changes() const {
    return static_cast<std::size_t>(std::ranges::count_if(steps, [](const Step& step) {
      return step.kind == USHER_STEP_CREATE || step.kind == USHER_STEP_REPLACE ||
             step.kind == USHER_STEP_REMOVE;
    }));
  }
};

struct TestNode {
  Scratch root;
  Scratch built;
  InstallOptions options;

  TestNode() {
    options.runtime = "containerd";
    options.root = root.path();
    options.hook_source = script("usher-hook", "echo usher-hook 1.2.3");
    options.try_start = false;  // it is shown by containerd_trial_test and on the real one
    options.ctr = script("ctr", "echo '{\"process\": {\"rlimits\": [1]}, \"root\": {}}'");
    version("2.1.0");
    put(kConfig, "version = 3\n# mine\n" + runc("runc"));
  }

  static std::string runc(const std::string& name) {
    return "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes." + name +
           "]\n  runtime_type = \"io.containerd.runc.v2\"\n";
  }
  // `dump`: what it does with a configuration at $2.
  void version(const std::string& number, const std::string& dump = kDump) {
    options.containerd = script("containerd", "case $1 in --version) echo containerd x v" + number +
                                                  " y; exit;; esac\n" + dump);
  }
  std::string script(const std::string& name, const std::string& body) const {
    const auto file = built.write(name + ".new", "#!/bin/sh\n" + body + "\n");
    ::chmod(file.c_str(), 0755);
    fs::rename(file, built.path() / name);
    return built.path() / name;
  }
  fs::path at(const std::string& path) const { return root.path().native() + path; }
  void put(const std::string& path, const std::string& content) const {
    fs::create_directories(at(path).parent_path());
    root.write(path.substr(1), content);
  }
  bool has(const std::string& path) const { return fs::exists(fs::symlink_status(at(path))); }
  std::string read(const std::string& path) const {
    return read_file(at(path)).value_or("(" + path + " cannot be read)");
  }
  // Every file below the root with what it holds.
  std::string everything() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(root.path())) {
      if (entry.is_regular_file()) {
        all.push_back(entry.path().native() + "\n" + read_file(entry.path()).value_or("") + "\n");
      }
    }
    std::ranges::sort(all);
    std::string out;
    for (const auto& each : all) {
      out += each;
    }
    return out;
  }

  Told carry_out(void (*function)(const InstallOptions&, plugin::Report&)) const {
    Told told;
    const usher_install_sink sink{
        sizeof sink, 0, &told,
        [](void* self, const usher_install_step* step) {
          static_cast<Told*>(self)->steps.push_back(
              {step->kind, std::string(plugin::view(step->path)),
               std::string(plugin::view(step->what)), std::string(plugin::view(step->diff))});
        },
        [](void* self, usher_string sentence) {
          static_cast<Told*>(self)->problems.emplace_back(plugin::view(sentence));
        }};
    plugin::Report report(sink);
    try {
      function(options, report);
    } catch (const plugin::Failure& failure) {
      told.error = failure.what();
    }
    return told;
  }
  Told plan() const { return carry_out(&usher::containerd::plan_containerd); }
  Told install() const { return carry_out(&usher::containerd::install_containerd); }
  Told verify() const { return carry_out(&usher::containerd::verify_containerd); }
  Told uninstall() const { return carry_out(&usher::containerd::uninstall_containerd); }
  void installed() const {
    const auto told = install();
    BOOST_TEST_REQUIRE(told.error == "");
  }

  // No containerd runs here.
  static bool only_unseen(const Told& told) {
    return told.error.empty() && told.problems.size() == 1 &&
           told.has_problem("was seen running, and none answers");
  }

  // As after a restart of containerd, where one can be had here; else the program stays, and goes.
  void uninstalled() const {
    BOOST_TEST_REQUIRE(uninstall().error == "");
    if (can_run_containerd()) {
      const RunningContainerd restarted(root.path());
      BOOST_TEST_REQUIRE(uninstall().error == "");
    } else {
      fs::remove(at(kHook));
    }
  }

  static constexpr const char* kDump =
      "sed \"s/^.*'\\?nri.v1.nri'\\?.*\\]/&\\ndisable_connections = false/\" \"$2\"\n"
      "echo\n"
      "grep -q nri.v1.nri \"$2\" || printf "
      "\"[plugins.'io.containerd.nri.v1.nri']\\ndisable = false\\ndisable_connections = false\\n\"";
};

}  // namespace usher::test::containerd
