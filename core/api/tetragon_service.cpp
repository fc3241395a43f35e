#include "api/tetragon_service.hpp"

#include <utility>

namespace usher::api {
namespace {

ContainerNotice notice_of(const tetragon::CreateContainer& said) {
  ContainerNotice notice;
  notice.cgroups_path = said.cgroupspath();
  notice.root_dir = said.rootdir();
  notice.annotations.insert(said.annotations().begin(), said.annotations().end());
  notice.container_name = said.containername();
  notice.container_id = said.containerid();
  notice.pod_name = said.podname();
  notice.pod_uid = said.poduid();
  notice.pod_namespace = said.podnamespace();
  return notice;
}

grpc::Status status_of(const v1::HookResponse& answer) {
  return answer.verdict() == v1::HookResponse::VERDICT_GO
             ? grpc::Status::OK
             : grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, answer.message());
}

grpc::ServerUnaryReactor* refused(grpc::CallbackServerContext* context,
                                  const grpc::Status& status) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* TetragonService::RuntimeHook(grpc::CallbackServerContext* context,
                                                       const tetragon::RuntimeHookRequest* request,
                                                       tetragon::RuntimeHookResponse*) {
  if (!request->has_createcontainer()) {
    return refused(context, {grpc::StatusCode::INVALID_ARGUMENT,
                             "usherd knows the event createContainer only: install the hook for "
                             "createRuntime (docs/tetragon.md)"});
  }
  auto slot = limit_.take();
  if (!slot) {
    return refused(context, limit_.refusal());
  }
  return HookCall::start(context_, std::move(slot),
                         {[handlers = &context_.handlers, request] {
                            return handlers->notice(notice_of(request->createcontainer()));
                          },
                          status_of});
}

}  // namespace usher::api
