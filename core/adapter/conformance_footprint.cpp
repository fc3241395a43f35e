#include "adapter/conformance_footprint.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

namespace usher::adapter {
namespace {

using std::chrono::milliseconds;

std::set<std::string> names_in(const char* directory) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    names.insert(entry.path().filename());
  }
  return names;
}

// Signals that a thread blocks, as /proc shows them.
std::uint64_t blocked_by(const std::string& task) {
  std::ifstream status("/proc/self/task/" + task + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigBlk:")) {
      return std::stoull(line.substr(7), nullptr, 16);
    }
  }
  return ~0ULL;  // it ended
}

}  // namespace

void blocks_signals(const Library& library, const Config& settings, Findings& findings) {
  const auto before = names_in("/proc/self/task");
  Trial trial(library, settings, findings, {});
  if (!trial.run()) {
    return;
  }
  trial.run_for(kLook);
  constexpr std::uint64_t kNeeded = (1ULL << (SIGTERM - 1)) | (1ULL << (SIGINT - 1)) |
                                    (1ULL << (SIGHUP - 1)) | (1ULL << (SIGCHLD - 1));
  for (const auto& task : names_in("/proc/self/task")) {
    if (!before.contains(task) && (blocked_by(task) & kNeeded) != kNeeded) {
      findings.failures.emplace_back(
          "a thread of it does not block SIGTERM, SIGINT, SIGHUP, "
          "SIGCHLD: block all signals around pthread_create");
      return;
    }
  }
}

void leaves_nothing(const Library& library, const Config& settings, Findings& findings) {
  // The first life may open what stays for good, such as the system's log.
  for (int life = 0; life < 2; ++life) {
    const auto files = names_in("/proc/self/fd").size();
    const auto threads = names_in("/proc/self/task").size();
    {
      Trial trial(library, settings, findings, {});
      if (!trial.run()) {
        return;
      }
      trial.run_for(milliseconds(100));
      trial.stop();
      trial.destroy();
    }
    const auto left = names_in("/proc/self/fd").size();
    fails(findings, names_in("/proc/self/task").size() > threads,
          "a thread of it runs on after destroy");
    // The directory's own descriptor is in both counts; the trial's loop is gone again.
    fails(findings, life == 1 && left > files,
          std::to_string(left - files) + " file descriptors are left after destroy");
  }
}

void leaves_signals(const Library& library, const Config& settings, Findings& findings) {
  std::array<struct sigaction, 32> before{};
  for (int signal = 1; signal < 32; ++signal) {
    ::sigaction(signal, nullptr, &before[static_cast<std::size_t>(signal)]);
  }
  const auto directory = std::filesystem::current_path();
  {
    Trial trial(library, settings, findings, {});
    if (!trial.run()) {
      return;
    }
    trial.run_for(milliseconds(100));
    for (int signal = 1; signal < 32; ++signal) {
      struct sigaction now{};
      ::sigaction(signal, nullptr, &now);
      fails(findings, now.sa_handler != before[static_cast<std::size_t>(signal)].sa_handler,
            "it changed what signal " + std::to_string(signal) + " does");
    }
    fails(findings, std::filesystem::current_path() != directory,
          "it changed the working directory");
  }
}

}  // namespace usher::adapter
