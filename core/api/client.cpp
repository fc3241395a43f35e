#include "api/client.hpp"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fmt/format.h>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/fd.hpp"
#include "usher/v1/agent.grpc.pb.h"
#include "usher/v1/hooks.grpc.pb.h"

namespace usher::api {
namespace {

using Kind = CallError::Kind;

std::unexpected<CallError> error(Kind kind, std::string message) {
  return std::unexpected(CallError{kind, std::move(message)});
}

std::string cannot_connect(const std::string& socket, int code) {
  switch (code) {
    case ENOENT:
      return fmt::format(
          "no agent: {} does not exist; start usherd, or name its socket with "
          "--socket",
          socket);
    case ECONNREFUSED:
      return fmt::format("no agent listens on {}: start usherd (systemctl start usherd)", socket);
    case EACCES:
    case EPERM:
      return fmt::format("{} is for root alone: run this as root on the node", socket);
    case EAGAIN:
      return fmt::format("the agent on {} does not take connections: its queue is full", socket);
    default:
      return system_error("cannot connect to the agent on " + socket, code).message;
  }
}

class GrpcClient final : public Client {
 public:
  GrpcClient(std::string socket, std::chrono::milliseconds timeout,
             const std::shared_ptr<grpc::Channel>& channel)
      : socket_(std::move(socket)),
        timeout_(timeout),
        agent_(v1::Agent::NewStub(channel)),
        hooks_(v1::RuntimeHooks::NewStub(channel)) {}

  Answer<v1::Status> status() override {
    return call<v1::Status>(*agent_, &v1::Agent::Stub::GetStatus, v1::GetStatusRequest());
  }
  Answer<v1::ListWorkloadsResponse> workloads() override {
    return call<v1::ListWorkloadsResponse>(*agent_, &v1::Agent::Stub::ListWorkloads,
                                           v1::ListWorkloadsRequest());
  }
  Answer<v1::ListPoliciesResponse> policies() override {
    return call<v1::ListPoliciesResponse>(*agent_, &v1::Agent::Stub::ListPolicies,
                                          v1::ListPoliciesRequest());
  }
  Answer<v1::ListAdaptersResponse> adapters() override {
    return call<v1::ListAdaptersResponse>(*agent_, &v1::Agent::Stub::ListAdapters,
                                          v1::ListAdaptersRequest());
  }
  Answer<v1::ExplainResponse> explain(const v1::ExplainRequest& request) override {
    return call<v1::ExplainResponse>(*agent_, &v1::Agent::Stub::Explain, request);
  }
  Answer<v1::SetModeResponse> set_mode(const std::string& mode) override {
    v1::SetModeRequest request;
    request.set_mode(mode);
    return call<v1::SetModeResponse>(*agent_, &v1::Agent::Stub::SetMode, request);
  }
  Answer<v1::ReleaseResponse> release(const std::string& workload) override {
    v1::ReleaseRequest request;
    request.set_workload(workload);
    return call<v1::ReleaseResponse>(*agent_, &v1::Agent::Stub::Release, request);
  }
  Answer<v1::ReloadResponse> reload() override {
    return call<v1::ReloadResponse>(*agent_, &v1::Agent::Stub::Reload, v1::ReloadRequest());
  }
  Answer<v1::HookResponse> hook(const v1::HookRequest& request) override {
    return call<v1::HookResponse>(*hooks_, &v1::RuntimeHooks::Stub::Hook, request);
  }
  Answer<void> events(const v1::StreamEventsRequest& request,
                      const std::function<bool(const v1::Event&)>& sink) override {
    grpc::ClientContext context;
    if (!request.follow()) {
      context.set_deadline(std::chrono::system_clock::now() + timeout_);
    }
    const auto reader = agent_->StreamEvents(&context, request);
    v1::Event event;
    while (reader->Read(&event)) {
      if (!sink(event)) {
        context.TryCancel();
        while (reader->Read(&event)) {  // gRPC wants the stream read to its end before Finish
        }
        reader->Finish();
        return {};
      }
    }
    return judge(reader->Finish());
  }

 private:
  template <class Response, class Stub, class Method, class Request>
  Answer<Response> call(Stub& stub, Method method, const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Response response;
    if (auto judged = judge((stub.*method)(&context, request, &response)); !judged) {
      return std::unexpected(judged.error());
    }
    return response;
  }

  Answer<void> judge(const grpc::Status& status) const {
    switch (status.error_code()) {
      case grpc::StatusCode::OK:
        return {};
      case grpc::StatusCode::UNAVAILABLE:
        return error(Kind::unreachable,
                     fmt::format("the agent on {} closed the connection ({}): it stopped, or it "
                                 "does not talk to this process (its log says why)",
                                 socket_, escape(status.error_message())));
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        return error(Kind::timeout, fmt::format("the agent on {} did not answer within {} ms",
                                                socket_, timeout_.count()));
      case grpc::StatusCode::UNIMPLEMENTED:
        return error(Kind::bad_input,
                     fmt::format("{} does not offer this call: is it the right socket, and is the "
                                 "agent as new as this program?",
                                 socket_));
      case grpc::StatusCode::INVALID_ARGUMENT:
        return error(Kind::bad_input, escape(status.error_message()));
      default:
        return error(Kind::refused, escape(status.error_message()));
    }
  }

  std::string socket_;
  std::chrono::milliseconds timeout_;
  std::unique_ptr<v1::Agent::Stub> agent_;
  std::unique_ptr<v1::RuntimeHooks::Stub> hooks_;
};

}  // namespace

Answer<std::unique_ptr<Client>> Client::connect(const std::filesystem::path& socket,
                                                std::chrono::milliseconds timeout) {
  const std::string shown = escape(socket.native());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof(address.sun_path)) {
    return error(Kind::unreachable, shown + " is too long for a unix socket's path");
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Our own connect tells what gRPC would only call "unavailable".
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return error(Kind::unreachable, cannot_connect(shown, errno));
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  auto channel = grpc::CreateCustomInsecureChannelFromFd("localhost", fd.release(), arguments);
  return std::unique_ptr<Client>(std::make_unique<GrpcClient>(shown, timeout, channel));
}

}  // namespace usher::api
