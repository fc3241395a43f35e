// Start to exit of usher-hook against a static process that only drains its input, turn by turn in
// the same run.
//
//   hook_bench HOOK NOOP SOCKET [STATE-FILE [STAGE [RUNTIME]]]
//
// SOCKET is that of a running agent that says GO to the state (or the test server's: then the
// figure leaves the agent's own work out).
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRuns = 300;
constexpr int kWarmUp = 20;
constexpr double kGoal = 2.0;

// What CRI-O gives for a small container.
constexpr const char* kState =
    R"({"ociVersion":"1.0.2-dev","id":"39cd6a72be906f365f37477072c1bdcc61e62f7f10e691dba1b7c1df3a79fa4e",)"
    R"("status":"creating","pid":1,"bundle":"/run/containers/storage/overlay-containers/39cd6a72/userdata",)"
    R"("annotations":{"io.kubernetes.pod.namespace":"ns1","io.kubernetes.pod.name":"web-0",)"
    R"("io.kubernetes.pod.uid":"11111111-2222-3333-4444-555555555555",)"
    R"("io.kubernetes.container.name":"main","io.kubernetes.cri-o.ContainerType":"container"}})";

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
  // Fits the pipe: does not block (checked in main).
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
  if (argc < 4) {
    std::fputs("usage: hook_bench HOOK NOOP SOCKET [STATE-FILE [STAGE [RUNTIME]]]\n", stderr);
    return 2;
  }
  std::string state = kState;
  if (argc > 4) {
    std::ifstream file(argv[4], std::ios::binary);
    state.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || state.empty() || state.size() > 65536) {
      std::fprintf(stderr, "hook_bench: cannot use %s: it must hold 1 to 65536 bytes\n", argv[4]);
      return 2;
    }
  }
  std::vector<std::string> noop = {argv[2]};
  std::vector<std::string> hook = {argv[1],     argc > 5 ? argv[5] : "createRuntime",
                                   "--runtime", argc > 6 ? argv[6] : "cri-o",
                                   "--socket",  argv[3]};
  std::vector<double> noop_ms;
  std::vector<double> hook_ms;
  for (int i = 0; i < kRuns + kWarmUp; ++i) {
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
  std::printf("bench hook_start_to_exit %.2f ratio goal <= %.0f %s\n", ratio, kGoal,
              ratio <= kGoal ? "PASS" : "SHORT");
  return 0;
}
