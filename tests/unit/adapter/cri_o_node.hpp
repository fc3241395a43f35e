// A node under a prefix for the tests of cri-o.so's installer, through the interface that usherctl
// uses, and a hook that only says its version.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "adapter/installer.hpp"
#include "base/file.hpp"
#include "scratch.hpp"

namespace usher::test::cri_o {

namespace fs = std::filesystem;
using Kind = adapter::InstallStep::Kind;

inline const std::string kDir = "/usr/share/containers/oci/hooks.d";
inline const std::string kGate = kDir + "/usher-cri-o-gate.json";
inline const std::string kEnd = kDir + "/usher-cri-o-end.json";
inline const std::string kHook = "/opt/usher/bin/usher-hook-1.2.3";

struct TestNode {
  Scratch root;
  Scratch built;
  adapter::Installer installer = adapter::Installer::open("cri-o", ADAPTERS, true).value();
  adapter::Config config;

  TestNode() {
    fs::create_directories(at(kDir));
    config["root"] = root.path().string();
    write_hook("1.2.3");
    config["hook_source"] = (built.path() / "usher-hook").string();
  }

  void write_hook(const std::string& version) const {
    write_hook_script("#!/bin/sh\necho usher-hook " + version + "\n");
  }
  // By rename: the former one may be running still.
  void write_hook_script(const std::string& script) const {
    const auto file = built.write("usher-hook.new", script);
    ::chmod(file.c_str(), 0755);
    fs::rename(file, built.path() / "usher-hook");
  }
  fs::path at(const std::string& path) const { return root.path().native() + path; }
  bool has(const std::string& path) const { return fs::exists(fs::symlink_status(at(path))); }
  bool names_program(const std::string& file, const std::string& program) const {
    const auto content = read_file(at(file));
    return content && content->find("/" + program + "\"") != std::string::npos;
  }
  // Until a file that is written now has another time than those before.
  void wait_a_tick() const {
    const auto stamp = [&] {
      struct stat info{};
      ::stat(built.write("tick", "").c_str(), &info);
      return std::pair(info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    };
    const auto first = stamp();
    while (stamp() == first) {
    }
  }
};

inline bool names(const std::vector<std::string>& problems, const std::string& part) {
  for (const auto& problem : problems) {
    if (problem.find(part) != std::string::npos) {
      return true;
    }
  }
  return false;
}

inline bool has_step(const adapter::InstallReport& report, Kind kind, const std::string& path,
                     const std::string& what) {
  for (const auto& step : report.steps) {
    if (step.kind == kind && step.path == path && step.what.find(what) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace usher::test::cri_o
