// The two gRPC services over Handlers. Each socket has a server of its own with one of them.
#pragma once

#include "api/calls.hpp"
#include "api/event_stream.hpp"
#include "usher/v1/agent.grpc.pb.h"
#include "usher/v1/hooks.grpc.pb.h"

namespace usher::api {

class HookService final : public v1::RuntimeHooks::CallbackService {
 public:
  HookService(const HookCallContext& context, std::uint32_t limit)
      : context_(context), limit_(limit) {}
  grpc::ServerUnaryReactor* Hook(grpc::CallbackServerContext* context,
                                 const v1::HookRequest* request,
                                 v1::HookResponse* response) override;

 private:
  HookCallContext context_;
  CallLimit limit_;
};

class AgentService final : public v1::Agent::CallbackService {
 public:
  AgentService(const StreamContext& context, std::uint32_t limit)
      : context_(context), limit_(limit) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* GetStatus(Context* context, const v1::GetStatusRequest* request,
                     v1::Status* response) override;
  Reactor* ListWorkloads(Context* context, const v1::ListWorkloadsRequest* request,
                         v1::ListWorkloadsResponse* response) override;
  Reactor* ListPolicies(Context* context, const v1::ListPoliciesRequest* request,
                        v1::ListPoliciesResponse* response) override;
  Reactor* ListAdapters(Context* context, const v1::ListAdaptersRequest* request,
                        v1::ListAdaptersResponse* response) override;
  Reactor* Explain(Context* context, const v1::ExplainRequest* request,
                   v1::ExplainResponse* response) override;
  Reactor* SetMode(Context* context, const v1::SetModeRequest* request,
                   v1::SetModeResponse* response) override;
  Reactor* Release(Context* context, const v1::ReleaseRequest* request,
                   v1::ReleaseResponse* response) override;
  Reactor* Reload(Context* context, const v1::ReloadRequest* request,
                  v1::ReloadResponse* response) override;
  grpc::ServerWriteReactor<v1::Event>* StreamEvents(
      Context* context, const v1::StreamEventsRequest* request) override;

 private:
  // `answer(handlers)` on the loop; it gives the response itself or a Result of it.
  template <class Response, class Answer>
  Reactor* on_loop(Context* context, Response* response, Answer answer);

  StreamContext context_;
  CallLimit limit_;
};

}  // namespace usher::api
