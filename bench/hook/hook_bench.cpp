// Start to exit of usher-hook against a static process that only drains its input, turn by turn in
// the same run.
//
//   hook_bench HOOK NOOP SOCKET [CGROUP BUNDLE]
//
// With CGROUP and BUNDLE (as for agent_scale) each run enrols a container of its own with the agent
// at SOCKET. Without them SOCKET is the test server's, and the figure leaves the agent's work out.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "agent/node.hpp"
#include "base/fd.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRuns = 300;
constexpr int kWarmUp = 20;
constexpr double kGoal = 2.0;

// As large as what CRI-O gives for a small container. A pid of 0 is taken by the test server only.
std::string state_of(int index, int pid, const std::string& bundle) {
  return R"({"ociVersion":"1.0.2","id":"hook)" + std::to_string(index) +
         R"(","status":"creating","pid":)" + std::to_string(pid) + R"(,"bundle":")" + bundle +
         R"(","annotations":{"io.kubernetes.pod.namespace":"ns-0","io.kubernetes.pod.name":"web-0",)"
         R"("io.kubernetes.container.name":"main","usher.io/label.app":"app-1",)"
         R"("example.org/note":"an annotation as long as those that real pods tend to have, or so"}})";
}

// Milliseconds from before the spawn until the exit was seen; nothing if it did not exit with 0.
// posix_spawn is vfork-like: the cost of copying this process is not in the figure.
std::optional<double> run_once(std::vector<std::string>& arguments, const std::string& state) {
  std::array<int, 2> raw{};
  if (::pipe2(raw.data(), O_CLOEXEC) != 0) {
    return std::nullopt;
  }
  usher::Fd reader(raw[0]);
  usher::Fd writer(raw[1]);
  std::vector<char*> argv;
  for (auto& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  std::array<char*, 1> environment{nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, reader.get(), STDIN_FILENO);

  const auto start = Clock::now();
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return std::nullopt;
  }
  reader.reset();
  // Fits the pipe: does not block (see state_of).
  const ssize_t written = ::write(writer.get(), state.data(), state.size());
  writer.reset();
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || written != static_cast<ssize_t>(state.size()) ||
      !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return std::nullopt;
  }
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double percentile(std::vector<double>& values, double part) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) {
    std::fputs("usage: hook_bench HOOK NOOP SOCKET [CGROUP BUNDLE]\n", stderr);
    return 2;
  }
  const bool enrol = argc == 6;
  std::optional<usher::bench::Node> node;
  if (enrol) {
    auto started = usher::bench::Node::start(argv[4], kRuns + kWarmUp);
    if (!started) {
      std::fprintf(stderr, "hook_bench: %s\n", started.error().message.c_str());
      return 1;
    }
    node.emplace(*std::move(started));
  }
  std::vector<std::string> noop = {argv[2]};
  std::vector<std::string> hook = {argv[1],  "createRuntime", "--runtime",
                                   "podman", "--socket",      argv[3]};
  std::vector<double> noop_ms;
  std::vector<double> hook_ms;
  for (int i = 0; i < kRuns + kWarmUp; ++i) {
    const int pid = node ? node->pids()[static_cast<std::size_t>(i)] : 0;
    const std::string state = state_of(i, pid, enrol ? argv[5] : "/run/bundle");
    const auto floor = run_once(noop, state);
    const auto ours = run_once(hook, state);
    if (!floor || !ours) {
      std::fprintf(stderr, "hook_bench: run %d of %s did not exit with 0\n", i,
                   floor ? hook[0].c_str() : noop[0].c_str());
      return 1;
    }
    if (i >= kWarmUp) {
      noop_ms.push_back(*floor);
      hook_ms.push_back(*ours);
    }
  }
  const double floor = percentile(noop_ms, 0.5);
  const double ours = percentile(hook_ms, 0.5);
  const double ratio = ours / floor;
  std::printf("# %d runs each: no-op p50 %.3f ms p99 %.3f ms, usher-hook p50 %.3f ms p99 %.3f ms\n",
              kRuns, floor, percentile(noop_ms, 0.99), ours, percentile(hook_ms, 0.99));
  std::printf("bench %-44s %10.2f %-14s goal <= %.0f %s\n",
              enrol ? "hook_start_to_exit" : "hook_start_to_exit_without_agent_work", ratio,
              "ratio", kGoal, ratio <= kGoal ? "PASS" : "SHORT");
  return 0;
}
