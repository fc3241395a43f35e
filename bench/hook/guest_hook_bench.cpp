// Start to exit of the guest hook, from the runtime's fork to the end of its streams, against a
// static process that only drains its input, turn by turn in the same run.
//
//   guest_hook_bench HOOK NOOP RELAY
//
// In a guest that counts instructions a nanosecond is one, and the ratio is one of instructions;
// the relay's own, a few system calls, are in it.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRuns = 100;
constexpr int kWarmUp = 10;
constexpr double kGoal = 3.0;

// What Kata's agent gives for a small container of containerd's.
std::string state_of(int index, pid_t pid) {
  const std::string id = std::string(60, 'c') + std::to_string(1000 + index);
  return R"({"ociVersion":"1.2.1","id":")" + id + R"(","status":"created","pid":)" +
         std::to_string(pid) + R"(,"bundle":"/run/kata-containers/)" + id +
         R"(","annotations":{"io.kubernetes.cri.container-name":"main",)"
         R"("io.kubernetes.cri.container-type":"container",)"
         R"("io.kubernetes.cri.image-name":"registry.example/pay/web:1",)"
         R"("io.kubernetes.cri.sandbox-id":")" +
         std::string(64, 's') +
         R"(","io.kubernetes.cri.sandbox-name":"web-0",)"
         R"("io.kubernetes.cri.sandbox-namespace":"payments",)"
         R"("io.kubernetes.cri.sandbox-uid":"11111111-2222-3333-4444-555555555555",)"
         R"("io.katacontainers.pkg.oci.bundle_path":"/run/containerd/task/k8s.io/x",)"
         R"("io.katacontainers.pkg.oci.container_type":"pod_container"}})";
}

// Microseconds; nothing if it did not exit with 0.
std::optional<double> run_once(const std::string& program, const std::string& state) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
    return std::nullopt;
  }
  usher::Fd in_reader(in[0]);
  usher::Fd in_writer(in[1]);
  const usher::Fd out_reader(out[0]);
  usher::Fd out_writer(out[1]);
  std::string name = "usher-hook";
  std::string stage = "prestart";
  std::array<char*, 3> argv = {name.data(), stage.data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in_reader.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_writer.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_writer.get(), STDERR_FILENO);

  const auto start = Clock::now();
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return std::nullopt;
  }
  in_reader.reset();
  out_writer.reset();
  const ssize_t written = ::write(in_writer.get(), state.data(), state.size());
  in_writer.reset();
  char byte = 0;
  const bool silent = ::read(out_reader.get(), &byte, 1) == 0;
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || written != static_cast<ssize_t>(state.size()) ||
      !silent || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return std::nullopt;
  }
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int measure(const std::string& hook, const std::string& noop, pid_t container) {
  std::vector<double> floor;
  std::vector<double> ours;
  for (int i = 0; i < kRuns + kWarmUp; ++i) {
    const std::string state = state_of(i, container);
    const auto nothing = run_once(noop, state);
    const auto something = run_once(hook, state);
    if (!nothing || !something) {
      std::fprintf(stderr, "guest_hook_bench: run %d of %s did not exit with 0 and silently\n", i,
                   (nothing ? hook : noop).c_str());
      return 1;
    }
    if (i >= kWarmUp) {
      floor.push_back(*nothing);
      ours.push_back(*something);
    }
  }
  const double ratio = median(ours) / median(floor);
  std::printf("# %d runs each: no-op p50 %.0f us, guest hook p50 %.0f us\n", kRuns, median(floor),
              median(ours));
  std::printf("bench %-44s %10.2f %-14s goal <= %.0f %s\n", "guest_hook_start_to_exit", ratio,
              "ratio", kGoal, ratio <= kGoal ? "PASS" : "SHORT");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: guest_hook_bench HOOK NOOP RELAY\n", stderr);
    return 2;
  }
  std::string name = "/tmp/usher-guest-bench-XXXXXX";
  const std::filesystem::path root = ::mkdtemp(name.data());
  const std::string socket = root / "relay";
  std::filesystem::create_directory(root / "prestart");
  std::filesystem::copy_file(argv[1], root / "prestart" / "usher-hook");
  std::ofstream(root / "usher-hook.conf") << "relay = unix:" << socket << "\n";

  std::array<char*, 3> relay_argv = {argv[3], const_cast<char*>(socket.c_str()), nullptr};
  pid_t relay = 0;
  if (::posix_spawn(&relay, argv[3], nullptr, nullptr, relay_argv.data(), environ) != 0) {
    std::fprintf(stderr, "guest_hook_bench: cannot start %s\n", argv[3]);
    return 1;
  }
  const pid_t container = ::fork();
  if (container == 0) {
    for (;;) {
      ::pause();
    }
  }
  // The hook asks until its relay listens.
  const int status = measure(root / "prestart" / "usher-hook", argv[2], container);
  for (const pid_t child : {relay, container}) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  std::filesystem::remove_all(root);
  return status;
}
