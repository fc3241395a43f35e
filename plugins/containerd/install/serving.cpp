#include "containerd/install/serving.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/escape.hpp"
#include "install/running.hpp"

namespace usher::containerd {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kTick = std::chrono::milliseconds(20);  // a start is rounded down to one
constexpr const char* kDefaultConfig = "/etc/containerd/config.toml";

std::string config_of(const install::Process& process) {
  const auto& words = process.arguments;
  std::string config = kDefaultConfig;
  for (std::size_t i = 1; i < words.size(); ++i) {
    for (const std::string name : {"-c", "--config", "-config", "--c"}) {
      if (words[i] == name && i + 1 < words.size()) {
        config = words[i + 1];
      } else if (words[i].starts_with(name + "=")) {
        config = words[i].substr(name.size() + 1);
      }
    }
  }
  return config;
}

std::optional<nanoseconds> written_at(const install::Node& node,
                                      const std::filesystem::path& path) {
  auto at = node.written_at(path);
  if (!at) {
    at = node.written_at(path.parent_path());
  }
  if (!at) {
    return std::nullopt;
  }
  return std::chrono::seconds(at->tv_sec) + nanoseconds(at->tv_nsec);
}

}  // namespace

Serving serving(const InstallOptions& options, const install::Node& node,
                const std::vector<std::string>& files) {
  nanoseconds last{};
  for (const auto& file : files) {
    last = std::max(last, written_at(node, file).value_or(nanoseconds()));
  }
  Serving out;
  for (const auto& process : install::processes("containerd", options.root)) {
    if (auto config = config_of(process); config != options.config) {
      out.others.push_back({process.pid, std::move(config)});
      continue;
    }
    out.all.push_back(process.pid);
    if (process.started + kTick < last) {
      out.stale.push_back(process.pid);
    }
  }
  return out;
}

std::string program_that_runs(const InstallOptions& options, const install::Node& node) {
  namespace fs = std::filesystem;
  std::error_code none;
  const std::string root = fs::canonical(options.root, none);
  for (const auto pid : serving(options, node, {}).all) {
    std::string path = fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", none);
    if (none) {
      continue;
    }
    if (constexpr std::string_view kReplaced = " (deleted)"; path.ends_with(kReplaced)) {
      path.resize(path.size() - kReplaced.size());
    }
    // Seen from the node's own mount namespace it has no prefix.
    if (root.size() > 1 && path.starts_with(root + "/")) {
      path.erase(0, root.size());
    }
    if (fs::is_regular_file(node.follow(path), none)) {
      return path;
    }
  }
  return "";
}

std::string still_called(const InstallOptions& options, const Serving& running) {
  if (options.mode == Mode::inject) {
    return "the program stays, as in mode \"inject\" the agent gives it to every container that is "
           "made: set another mode, restart the agent, then run this again to remove it";
  }
  if (!running.stale.empty()) {
    return "containerd (pid " + std::to_string(running.stale.front()) +
           ") still calls the hook, as it reads its configuration at its start only: restart it, "
           "then run this again to remove the program";
  }
  if (running.all.empty()) {
    return "the program stays, as no containerd that reads " + escape(options.config) +
           " was seen (from a container that takes hostPID), and one that runs may call it: run "
           "this again where it is seen, or remove the program by hand where none runs";
  }
  return "";
}

}  // namespace usher::containerd
