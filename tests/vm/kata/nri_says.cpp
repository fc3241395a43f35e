// Stands for containerd where a test needs no more of it than what it tells over NRI.
//
//   nri_says SOCKET
//
// Lines: "pod SANDBOX NAMESPACE NAME", "container SANDBOX ID NAME" (one that is being created).
// Says "ready" when a plugin has come, and "told" when it has answered.
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "nri_runtime.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: nri_says SOCKET\n";
    return 2;
  }
  usher::test::NriRuntime runtime(argv[1]);
  runtime.accept();
  std::cout << "ready" << std::endl;
  std::map<std::string, usher::nri::v1::PodSandbox> pods;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what, sandbox, second, third;
    words >> what >> sandbox >> second >> third;
    auto& pod = pods[sandbox];
    if (what == "pod") {
      pod.set_id(sandbox);
      pod.set_namespace_(second);
      pod.set_name(third);
      pod.set_uid("uid-of-" + third);
      pod.set_runtime_handler("kata");
      usher::nri::v1::StateChangeEvent event;
      event.set_event(usher::test::kRunPodSandbox);
      *event.mutable_pod() = pod;
      runtime.ask("StateChange", event);
    } else {
      usher::nri::v1::PodAndContainer message;
      *message.mutable_pod() = pod;
      auto& container = *message.mutable_container();
      container.set_id(second);
      container.set_pod_sandbox_id(sandbox);
      container.set_name(third);
      runtime.ask("CreateContainer", message);
    }
    std::cout << "told" << std::endl;
  }
}
