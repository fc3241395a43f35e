#include "containerd/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/escape.hpp"
#include "install/hook_object.hpp"
#include "install/node.hpp"
#include "install/program.hpp"

namespace usher::containerd {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLongestDeadline = 10'000;

using install::bad_setting;

std::int64_t within(const plugin::Settings& settings, const std::string& key,
                    std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const auto value = settings.integer(key, otherwise);
  if (value < least || value > most) {
    bad_setting(key, "is " + std::to_string(value) + "; it must be " + std::to_string(least) +
                         " to " + std::to_string(most));
  }
  return value;
}

std::string absolute(const plugin::Settings& settings, const std::string& key,
                     std::string_view otherwise) {
  auto path = settings.text(key, otherwise);
  install::check_absolute(key, path);
  return path;
}

nri::Hook hook(const InstallOptions& options, const char* stage) {
  const auto object =
      install::hook_object(options, install::program_path(options, USHER_VERSION), stage);
  return {object.at("path"), object.at("args"), object.at("env"), object.at("timeout")};
}

}  // namespace

Options Options::from(const plugin::Settings& settings) {
  settings.allow_only({"root",
                       "mode",
                       "nri.socket",
                       "nri.name",
                       "nri.index",
                       "cri.socket",
                       "cri.deadline_ms",
                       "kata_handlers",
                       "hook_source",
                       "hook_dir",
                       "socket",
                       "timeout",
                       "fail",
                       "runtime",
                       "exempt_namespaces",
                       "config",
                       "spec_dir",
                       "runtimes",
                       "containerd",
                       "ctr",
                       "try_start"});
  Options o;
  const auto installed = InstallOptions::from(settings);
  o.root = installed.root;
  o.mode = installed.mode;
  const bool whole = fs::path(o.root).lexically_normal() == "/";
  const fs::path root(o.root);
  o.nri_socket = absolute(settings, "nri.socket",
                          whole ? "/var/run/nri/nri.sock" : (root / "run/nri/nri.sock").string());
  o.cri_socket = absolute(settings, "cri.socket",
                          whole ? "/run/containerd/containerd.sock"
                                : (root / "run/containerd/containerd.sock").string());
  o.nri_name = settings.text("nri.name", o.nri_name);
  if (o.nri_name.empty() || o.nri_name.size() > 64 ||
      !std::ranges::all_of(o.nri_name, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
      })) {
    bad_setting("nri.name", "must be 1 to 64 letters, digits, '-', '_' and '.'");
  }
  o.nri_index = settings.text("nri.index", o.nri_index);
  if (o.nri_index.size() != 2 ||
      !std::ranges::all_of(o.nri_index, [](unsigned char c) { return std::isdigit(c) != 0; })) {
    bad_setting("nri.index", "must be two digits in quotes, \"00\" to \"99\"");
  }
  o.cri_deadline = std::chrono::milliseconds(
      within(settings, "cri.deadline_ms", o.cri_deadline.count(), 1, kLongestDeadline));
  o.kata_handlers = installed.kata_handlers;
  o.runtimes = installed.runtimes;
  o.fails_open = installed.fail == "open";
  o.program = install::program_path(installed, USHER_VERSION);
  o.injected.create_runtime = {hook(installed, "createRuntime")};
  o.injected.poststop = {hook(installed, "poststop")};
  return o;
}

std::string Options::program_problem() const {
  if (mode != Mode::inject) {
    return "";
  }
  std::error_code none;
  const auto there = install::Node(root).follow(program);
  if (fs::is_regular_file(there, none) && ::access(there.c_str(), X_OK) == 0) {
    return "";
  }
  return "the hook's program " + escape(there.string()) +
         " is missing, or cannot be run: containers are not made without it in mode \"inject\"; "
         "run: usherctl runtime install containerd --mode inject (where the agent runs in a "
         "container, hook_dir has to be mounted there too, or root set)";
}

}  // namespace usher::containerd
