// What a full node costs: containers enrolled one by one through the hook socket of a running
// agent, each call timed from the client, then a reload of all policies.
//
//   agent_scale RUN-DIR CGROUP BUNDLE CONTAINERS NAMESPACES
//
// BUNDLE holds a config.json whose root exists. Container i is in namespace ns-(i mod NAMESPACES).
// Prints NAME VALUE lines for bench/run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "api/client.hpp"
#include "node.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

std::string state_of(int index, int pid, const std::string& bundle, int namespaces) {
  const std::string n = std::to_string(index);
  return R"({"ociVersion":"1.0.2","id":"bench)" + n + R"(","status":"creating","pid":)" +
         std::to_string(pid) + R"(,"bundle":")" + bundle +
         R"(","annotations":{"io.kubernetes.pod.namespace":"ns-)" +
         std::to_string(index % namespaces) + R"(","io.kubernetes.pod.name":"pod-)" + n +
         R"(","io.kubernetes.container.name":"main","usher.io/label.app":"app-)" +
         std::to_string(index % 10) + R"("}})";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: agent_scale RUN-DIR CGROUP BUNDLE CONTAINERS NAMESPACES\n", stderr);
    return 2;
  }
  const std::filesystem::path run = argv[1];
  const int containers = std::atoi(argv[4]);
  const int namespaces = std::atoi(argv[5]);
  auto node = usher::bench::Node::start(argv[2], containers);
  if (!node) {
    std::fprintf(stderr, "agent_scale: %s\n", node.error().message.c_str());
    return 1;
  }
  const auto patience = std::chrono::seconds(20);
  auto hooks = usher::api::Client::connect(run / "hook.sock", patience);
  auto admin = usher::api::Client::connect(run / "admin.sock", patience);
  if (!hooks || !admin) {
    std::fputs("agent_scale: the agent is not reachable\n", stderr);
    return 1;
  }
  std::vector<double> took;
  for (int i = 0; i < containers; ++i) {
    usher::v1::HookRequest request;
    request.set_stage(usher::v1::HOOK_STAGE_CREATE_RUNTIME);
    request.set_runtime("podman");
    request.set_state(state_of(i, node->pids()[static_cast<std::size_t>(i)], argv[3], namespaces));
    const auto start = Clock::now();
    const auto answer = (*hooks)->hook(request);
    took.push_back(milliseconds(Clock::now() - start));
    if (!answer || answer->verdict() != usher::v1::HookResponse::VERDICT_GO) {
      std::fprintf(stderr, "agent_scale: container %d: %s\n", i,
                   answer ? answer->message().c_str() : answer.error().message.c_str());
      return 1;
    }
  }
  std::sort(took.begin(), took.end());
  const auto at = [&](double q) {
    return took[std::min(took.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(took.size())))];
  };
  std::printf("hook_call_p50 %.3f\nhook_call_p99 %.3f\n", at(0.5), at(0.99));

  const auto start = Clock::now();
  const auto reloaded = (*admin)->reload();
  std::printf("reload %.1f\n", milliseconds(Clock::now() - start));
  if (!reloaded || !reloaded->current()) {
    std::fputs("agent_scale: the reload failed\n", stderr);
    return 1;
  }
  std::puts("enrolled");
  std::fflush(stdout);
  // bench/run reads the agent's memory while all are enrolled, then closes our input.
  while (std::getchar() != EOF) {
  }
  return 0;
}
