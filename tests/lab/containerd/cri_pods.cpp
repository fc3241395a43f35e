// cri_pods SOCKET pod|container|start|time|list|remove …: makes pods on a CRI server as a kubelet
// does, for tests, over the adapters' own client.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "../loop_host.hpp"
#include "containerd/pods.pb.h"
#include "cri/client.hpp"

namespace {

using usher::Result;
using usher::cri::Channel;
using usher::cri::Detached;
using usher::test::LoopHost;
namespace v1 = usher::test::v1;

struct PodOptions {
  std::string pod_namespace, name, uid, parent, handler;
  std::string image = "localhost/usher/box:1";
  std::vector<std::string> labels, annotations, containers, command;
  std::size_t label_bytes = 0;
  std::size_t label_count = 0;
  std::size_t annotation_bytes = 0;
  std::string sandbox;
};

template <class T>
Detached store(usher::cri::Task<T> task, std::optional<T>& to) {
  to = co_await std::move(task);
}

class Server {
 public:
  explicit Server(std::string socket) : socket_(std::move(socket)) {}

  std::string ask(const std::string& method, const google::protobuf::MessageLite& request) {
    if (channel_ == nullptr) {
      channel_ = Channel::create(host_.loop(), socket_, {});
    }
    return wait(channel_->call("/runtime.v1.RuntimeService/" + method, request.SerializeAsString(),
                               std::chrono::seconds(60)));
  }
  template <class T>
  T wait(usher::cri::Task<Result<T>> task) {
    std::optional<Result<T>> answer;
    store(std::move(task), answer);
    host_.run_until([&] { return answer.has_value(); });
    if (!*answer) {
      throw std::runtime_error(answer->error().message);
    }
    return std::move(**answer);
  }
  LoopHost& host() { return host_; }
  const std::string& socket() const { return socket_; }

 private:
  std::string socket_;
  LoopHost host_;
  std::shared_ptr<Channel> channel_;
};

template <class Add>
void add_entries(const std::vector<std::string>& words, Add add) {
  for (const auto& word : words) {
    const auto equals = word.find('=');
    v1::Entry* entry = add();
    entry->set_key(word.substr(0, equals));
    entry->set_value(equals == std::string::npos ? "" : word.substr(equals + 1));
  }
}

v1::RunPodSandboxRequest sandbox_request(const PodOptions& options) {
  constexpr std::size_t kEach = 4000;  // containerd takes no longer labels
  v1::RunPodSandboxRequest request;
  auto& config = *request.mutable_config();
  config.mutable_metadata()->set_name(options.name);
  config.mutable_metadata()->set_namespace_(options.pod_namespace);
  config.mutable_metadata()->set_uid(options.uid);
  add_entries(options.labels, [&] { return config.add_labels(); });
  add_entries(options.annotations, [&] { return config.add_annotations(); });
  for (std::size_t left = options.label_bytes, i = 0; left != 0; ++i) {
    auto* big = config.add_labels();
    big->set_key("big" + std::to_string(i));
    big->set_value(std::string(std::min(left, kEach), 'x'));
    left -= big->value().size();
  }
  for (std::size_t i = 0; i < options.label_count; ++i) {
    auto* one = config.add_labels();
    one->set_key("labels.example/number-" + std::to_string(i));
    one->set_value("value-" + std::to_string(i));
  }
  if (options.annotation_bytes != 0) {
    auto* big = config.add_annotations();
    big->set_key("annotations.example/big");
    big->set_value(std::string(options.annotation_bytes, 'x'));
  }
  config.mutable_linux()->set_cgroup_parent(options.parent);
  auto* spaces = config.mutable_linux()->mutable_security_context()->mutable_namespace_options();
  spaces->set_network(2);
  spaces->set_pid(1);
  request.set_runtime_handler(options.handler);
  return request;
}

v1::ContainerId make_container(Server& server, const PodOptions& options,
                               const std::string& sandbox, const std::string& name) {
  const auto config = sandbox_request(options).config();
  v1::CreateContainerRequest create;
  create.set_pod_sandbox_id(sandbox);
  *create.mutable_sandbox_config() = config;
  auto& container = *create.mutable_config();
  container.mutable_metadata()->set_name(name);
  container.mutable_image()->set_image(options.image);
  for (const auto& word : options.command) {
    container.add_command(word);
  }
  add_entries(options.annotations, [&] { return container.add_annotations(); });
  *container.mutable_linux()->mutable_security_context()->mutable_namespace_options() =
      config.linux().security_context().namespace_options();
  v1::ContainerId id;
  id.ParseFromString(server.ask("CreateContainer", create));
  return id;
}

void make_pod(Server& server, const PodOptions& options) {
  v1::RunPodSandboxResponse made;
  made.ParseFromString(server.ask("RunPodSandbox", sandbox_request(options)));
  std::printf("%s", made.pod_sandbox_id().c_str());
  std::fflush(stdout);
  for (const auto& name : options.containers) {
    const auto id = make_container(server, options, made.pod_sandbox_id(), name);
    std::printf(" %s", id.container_id().c_str());
    std::fflush(stdout);
    server.ask("StartContainer", id);
  }
  std::printf("\n");
}

// Starts containers one after the other; prints what each StartContainer took, in milliseconds.
void time_starts(Server& server, const PodOptions& options, int count) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < count; ++i) {
    const auto name = options.containers.at(0) + std::to_string(i);
    const auto id = make_container(server, options, options.sandbox, name);
    const auto begun = Clock::now();
    server.ask("StartContainer", id);
    std::printf("%.3f\n", std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
  }
}

void list(Server& server) {
  usher::cri::Client client(server.host().loop(), server.socket(), std::chrono::seconds(10));
  const auto sandboxes = server.wait(client.sandboxes());
  const auto containers = server.wait(client.running_containers());
  for (const auto& sandbox : sandboxes.items) {
    std::printf("sandbox %s %s/%s uid=%s handler=%s", sandbox.id.c_str(),
                sandbox.pod_namespace.c_str(), sandbox.pod_name.c_str(), sandbox.pod_uid.c_str(),
                sandbox.runtime_handler.c_str());
    for (const auto& [key, value] : sandbox.labels) {
      std::printf(" %s=%s", key.c_str(), value.substr(0, 60).c_str());
    }
    std::printf("\n");
  }
  for (const auto& container : containers.items) {
    std::printf("container %s in %s name=%s image=%s pid=%d\n", container.id.c_str(),
                container.sandbox_id.c_str(), container.name.c_str(), container.image.c_str(),
                server.wait(client.container_pid(container.id)));
  }
  for (const auto* problems : {&sandboxes.problems, &containers.problems}) {
    for (const auto& problem : *problems) {
      std::printf("problem %s\n", problem.c_str());
    }
  }
  client.close();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Makes pods on a CRI server, for tests."};
  std::string socket;
  std::string id;
  PodOptions options;
  app.add_option("SOCKET", socket)->required();
  auto* pod = app.add_subcommand("pod", "a pod with its containers; prints their ids");
  auto* create = app.add_subcommand("container", "one more in a pod, not started; prints its id");
  auto* timed = app.add_subcommand("time", "several more, started: how long each start took");
  int count = 1;
  timed->add_option("--count", count);
  for (auto* of : {create, timed}) {
    of->add_option("--sandbox", options.sandbox)->required();
  }
  for (auto* of : {pod, create, timed}) {
    of->add_option("--namespace", options.pod_namespace);
    of->add_option("--name", options.name);
    of->add_option("--uid", options.uid);
    of->add_option("--label", options.labels, "KEY=VALUE of the pod")->take_all();
    of->add_option("--label-bytes", options.label_bytes, "so many bytes of labels more");
    of->add_option("--annotation", options.annotations, "KEY=VALUE of pod and containers");
    of->add_option("--label-count", options.label_count, "so many labels more");
    of->add_option("--annotation-bytes", options.annotation_bytes, "one annotation of that length");
    of->add_option("--cgroup-parent", options.parent);
    of->add_option("--handler", options.handler);
    of->add_option("--container", options.containers, "names");
    of->add_option("--command", options.command, "of every container");
  }
  auto* begin = app.add_subcommand("start", "a container that was made");
  begin->add_option("CONTAINER", id)->required();
  auto* show = app.add_subcommand("list", "what runs, as the adapters' client reads it");
  auto* remove = app.add_subcommand("remove", "a pod with its containers");
  remove->add_option("SANDBOX", id)->required();
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  try {
    Server server(socket);
    if (pod->parsed()) {
      make_pod(server, options);
    } else if (create->parsed()) {
      const auto made = make_container(server, options, options.sandbox, options.containers.at(0));
      std::printf("%s\n", made.container_id().c_str());
    } else if (timed->parsed()) {
      time_starts(server, options, count);
    } else if (begin->parsed()) {
      v1::ContainerId container;
      container.set_container_id(id);
      server.ask("StartContainer", container);
    } else if (show->parsed()) {
      list(server);
    } else {
      v1::SandboxId sandbox;
      sandbox.set_pod_sandbox_id(id);
      server.ask("StopPodSandbox", sandbox);
      server.ask("RemovePodSandbox", sandbox);
    }
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "cri_pods: %s\n", problem.what());
    return 1;
  }
  return 0;
}
