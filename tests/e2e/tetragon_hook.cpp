// Stands for tetragon-oci-hook: the same call with the same fields, from the bundle's config.json
// in the working directory, and nothing else of it (no fail expression: every refusal fails).
//
//   tetragon_hook SOCKET STAGE     STAGE createRuntime asks the agent, any other does nothing
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tetragon/sensors.grpc.pb.h"

namespace {

using nlohmann::json;

// containerd's key, else CRI-O's, whatever the runtime is: as the real one does.
std::string first_of(const json& annotations, const char* containerd, const char* cri_o) {
  return annotations.value(containerd, annotations.value(cri_o, std::string()));
}

tetragon::RuntimeHookRequest request_of(const json& config) {
  tetragon::RuntimeHookRequest request;
  auto& made = *request.mutable_createcontainer();
  const auto annotations = config.value("annotations", json::object());
  made.set_cgroupspath(config.at("linux").at("cgroupsPath").get<std::string>());
  made.set_rootdir(std::filesystem::current_path() /
                   config.at("root").at("path").get<std::string>());
  for (const auto& [key, value] : annotations.items()) {
    (*made.mutable_annotations())[key] = value.get<std::string>();
  }
  made.set_containername(
      first_of(annotations, "io.kubernetes.cri.container-name", "io.kubernetes.container.name"));
  made.set_containerid(annotations.value("io.kubernetes.cri-o.ContainerID", std::string()));
  made.set_podname(
      first_of(annotations, "io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"));
  made.set_poduid(first_of(annotations, "io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"));
  made.set_podnamespace(
      first_of(annotations, "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"));
  return request;
}

int call(const std::string& socket) {
  std::ifstream file("config.json");
  const auto config = json::parse(file);
  const auto stub = tetragon::FineGuidanceSensors::NewStub(
      grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  tetragon::RuntimeHookResponse response;
  const auto status = stub->RuntimeHook(&context, request_of(config), &response);
  if (!status.ok()) {
    std::fprintf(stderr, "failing container: %s\n", status.error_message().c_str());
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (int c = std::getchar(); c != EOF; c = std::getchar()) {  // the state: not looked at
  }
  if (argc != 3) {
    std::fputs("usage: tetragon_hook SOCKET STAGE\n", stderr);
    return 2;
  }
  if (argv[2] != std::string_view("createRuntime")) {
    return 0;
  }
  try {
    return call(argv[1]);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "failing container: %s\n", problem.what());
    return 1;
  }
}
