// Stands for tetragon-oci-hook: the same call with the same fields, from the bundle's config.json
// in the working directory, and the same check after a call that failed: whether one of the
// namespace keys says a namespace that may start all the same.
//
//   tetragon_hook SOCKET STAGE [OPTION…]   STAGE createRuntime asks the agent, any other does
//   nothing
//     --annotations-namespace-key=KEY,…   of the check; both runtimes' keys unless given
//     --fail-allow-namespaces=NAME,…      kube-system unless given
//     --older                             sends its working directory as the root, as older ones do
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tetragon/sensors.grpc.pb.h"

namespace {

using nlohmann::json;

struct Options {
  std::vector<std::string> namespace_keys = {"io.kubernetes.pod.namespace",
                                             "io.kubernetes.cri.sandbox-namespace"};
  std::vector<std::string> allowed = {"kube-system"};
  bool older = false;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t comma = 0; comma != std::string_view::npos;) {
    comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return out;
}

// False: an option that the stand-in does not have.
bool take(Options& options, std::string_view argument) {
  constexpr std::string_view kKeys = "--annotations-namespace-key=";
  constexpr std::string_view kAllowed = "--fail-allow-namespaces=";
  if (argument.starts_with(kKeys)) {
    options.namespace_keys = split(argument.substr(kKeys.size()));
  } else if (argument.starts_with(kAllowed)) {
    options.allowed = split(argument.substr(kAllowed.size()));
  } else if (argument == "--older") {
    options.older = true;
  } else {
    return false;
  }
  return true;
}

// The real one joins texts: an absolute root lands below the bundle.
std::string root_dir(const json& config, bool older) {
  const auto bundle = std::filesystem::current_path().string();
  return older
             ? bundle
             : std::filesystem::path(bundle + "/" + config.at("root").at("path").get<std::string>())
                   .lexically_normal()
                   .string();
}

bool may_start_all_the_same(const json& annotations, const Options& options) {
  return std::ranges::any_of(options.namespace_keys, [&](const std::string& key) {
    return annotations.contains(key) &&
           std::ranges::find(options.allowed, annotations.at(key).get<std::string>()) !=
               options.allowed.end();
  });
}

// containerd's key, else CRI-O's, whatever the runtime is: as the real one does.
std::string first_of(const json& annotations, const char* containerd, const char* cri_o) {
  return annotations.value(containerd, annotations.value(cri_o, std::string()));
}

tetragon::RuntimeHookRequest request_of(const json& config, bool older) {
  tetragon::RuntimeHookRequest request;
  auto& made = *request.mutable_createcontainer();
  const auto annotations = config.value("annotations", json::object());
  made.set_cgroupspath(config.at("linux").at("cgroupsPath").get<std::string>());
  made.set_rootdir(root_dir(config, older));
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

int call(const std::string& socket, const Options& options) {
  std::ifstream file("config.json");
  const auto config = json::parse(file);
  const auto stub = tetragon::FineGuidanceSensors::NewStub(
      grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  tetragon::RuntimeHookResponse response;
  const auto status = stub->RuntimeHook(&context, request_of(config, options.older), &response);
  if (!status.ok() &&
      may_start_all_the_same(config.value("annotations", json::object()), options)) {
    std::fprintf(stderr, "starts all the same: %s\n", status.error_message().c_str());
    return 0;
  }
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
  Options options;
  bool good = argc >= 3;
  for (int i = 3; i < argc; ++i) {
    good = good && take(options, argv[i]);
  }
  if (!good) {
    std::fputs("usage: tetragon_hook SOCKET STAGE [OPTION…]\n", stderr);
    return 2;
  }
  if (argv[2] != std::string_view("createRuntime")) {
    return 0;
  }
  try {
    return call(argv[1], options);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "failing container: %s\n", problem.what());
    return 1;
  }
}
