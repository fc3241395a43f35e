// How long a runtime waits at NRI's StartContainer: stands for containerd on an NRI socket, takes
// the agent's plugin, and starts containers one by one, each timed from the request to its answer.
//
//   nri_gate SOCKET CGROUP CONTAINERS NAMESPACES ROOT
//
// Container i is in namespace ns-(i mod NAMESPACES), its root directory is ROOT. Prints NAME VALUE
// lines for bench/run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/node.hpp"
#include "nri_runtime.hpp"

namespace {

using namespace usher::nri;
using usher::test::kRunPodSandbox;
using usher::test::kStartContainer;
using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "nri_gate: %s\n", why.c_str());
  std::exit(1);
}

v1::StateChangeEvent event(int number, int index, int namespaces) {
  const auto n = std::to_string(index);
  v1::StateChangeEvent event;
  event.set_event(number);
  auto& pod = *event.mutable_pod();
  pod.set_id("sandbox" + n);
  pod.set_name("pod-" + n);
  pod.set_namespace_("ns-" + std::to_string(index % namespaces));
  auto* label = pod.add_labels();
  label->set_key("app");
  label->set_value("app-" + std::to_string(index % 10));
  return event;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: nri_gate SOCKET CGROUP CONTAINERS NAMESPACES ROOT\n", stderr);
    return 2;
  }
  const int containers = std::atoi(argv[3]);
  const int namespaces = std::atoi(argv[4]);
  auto node = usher::bench::Node::start(argv[2], containers, argv[5]);
  if (!node) {
    give_up(node.error().message);
  }
  usher::test::NriRuntime runtime(argv[1]);
  runtime.accept();

  std::vector<double> took;
  for (int i = 0; i < containers; ++i) {
    runtime.ask("StateChange", event(kRunPodSandbox, i, namespaces));
    auto start = event(kStartContainer, i, namespaces);
    auto& container = *start.mutable_container();
    container.set_id("bench" + std::to_string(i));
    container.set_pod_sandbox_id(start.pod().id());
    container.set_name("main");
    container.set_state(1);
    container.set_pid(static_cast<std::uint32_t>(node->pids()[static_cast<std::size_t>(i)]));
    const auto begun = Clock::now();
    runtime.ask("StateChange", start);
    took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
  }
  std::sort(took.begin(), took.end());
  const auto at = [&](double q) {
    return took[std::min(took.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(took.size())))];
  };
  std::printf("nri_gate_p50 %.3f\nnri_gate_p99 %.3f\n", at(0.5), at(0.99));
  return 0;
}
