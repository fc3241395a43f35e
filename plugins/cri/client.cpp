#include "cri/client.hpp"

#include "base/escape.hpp"
#include "cri/cri.pb.h"

namespace usher::cri {
namespace {

constexpr int kRunning = 1;  // runtime.v1.ContainerState

std::string path(const char* method) {
  return std::string("/runtime.v1.RuntimeService/") + method;
}

}  // namespace

Task<Result<RuntimeVersion>> Client::version() {
  auto answer = co_await channel_->call(path("Version"), {}, deadline_);
  auto read = answer ? read_version(*answer) : std::unexpected(answer.error());
  co_return read ? std::move(read) : fail_in("CRI Version", read.error());
}

Task<Result<List<Sandbox>>> Client::sandboxes() {
  auto answer = co_await channel_->call(path("ListPodSandbox"), {}, deadline_);
  Result<List<Sandbox>> read = std::unexpected(Error{});
  read = answer ? read_sandboxes(*answer) : std::unexpected(answer.error());
  co_return read ? std::move(read) : fail_in("CRI ListPodSandbox", read.error());
}

Task<Result<Sandbox>> Client::sandbox(std::string id) {
  v1::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(id);
  auto answer =
      co_await channel_->call(path("PodSandboxStatus"), request.SerializeAsString(), deadline_);
  Result<Sandbox> read = std::unexpected(Error{});
  read = answer ? read_sandbox_status(*answer) : std::unexpected(answer.error());
  if (read && read->id != id) {
    read = fail("the runtime answers with another sandbox, \"" + escape(read->id) + "\"");
  }
  co_return read ? std::move(read) : fail_in("CRI PodSandboxStatus of " + escape(id), read.error());
}

Task<Result<List<Container>>> Client::running_containers() {
  v1::ListContainersRequest request;
  request.mutable_filter()->mutable_state()->set_state(kRunning);
  auto answer =
      co_await channel_->call(path("ListContainers"), request.SerializeAsString(), deadline_);
  Result<List<Container>> read = std::unexpected(Error{});
  read = answer ? read_containers(*answer) : std::unexpected(answer.error());
  co_return read ? std::move(read) : fail_in("CRI ListContainers", read.error());
}

Task<Result<List<Container>>> Client::containers_of(std::string sandbox) {
  v1::ListContainersRequest request;
  request.mutable_filter()->set_pod_sandbox_id(sandbox);
  auto answer =
      co_await channel_->call(path("ListContainers"), request.SerializeAsString(), deadline_);
  Result<List<Container>> read = std::unexpected(Error{});
  read = answer ? read_containers(*answer) : std::unexpected(answer.error());
  co_return read ? std::move(read)
                 : fail_in("CRI ListContainers of sandbox " + escape(sandbox), read.error());
}

Task<Result<int>> Client::container_pid(std::string id) {
  v1::ContainerStatusRequest request;
  request.set_container_id(id);
  request.set_verbose(true);
  auto answer =
      co_await channel_->call(path("ContainerStatus"), request.SerializeAsString(), deadline_);
  Result<int> read = std::unexpected(Error{});
  read = answer ? read_container_pid(*answer) : std::unexpected(answer.error());
  co_return read ? read : fail_in("CRI ContainerStatus of " + escape(id), read.error());
}

Task<Result<std::string>> Client::config() {
  v1::StatusRequest request;
  request.set_verbose(true);
  auto answer = co_await channel_->call(path("Status"), request.SerializeAsString(), deadline_);
  Result<std::string> read = std::unexpected(Error{});
  read = answer ? read_config(*answer) : std::unexpected(answer.error());
  co_return read ? std::move(read) : fail_in("CRI Status", read.error());
}

}  // namespace usher::cri
