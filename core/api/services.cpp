#include "api/services.hpp"

#include <type_traits>
#include <utility>

namespace usher::api {
namespace {

// A stream that is refused before it began.
class RefusedStream final : public grpc::ServerWriteReactor<v1::Event> {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }  // the contract of gRPC's reactors
};

}  // namespace

grpc::ServerUnaryReactor* HookService::Hook(grpc::CallbackServerContext* context,
                                            const v1::HookRequest* request,
                                            v1::HookResponse* response) {
  auto slot = limit_.take();
  if (!slot) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(limit_.refusal());
    return reactor;
  }
  return HookCall::start(
      context_, std::move(slot),
      {[handlers = &context_.handlers, request] { return handlers->hook(*request); },
       [response](v1::HookResponse answer) {
         *response = std::move(answer);
         return grpc::Status::OK;
       }});
}

template <class Response, class Answer>
AgentService::Reactor* AgentService::on_loop(Context* context, Response* response, Answer answer) {
  auto slot = limit_.take();
  if (!slot) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(limit_.refusal());
    return reactor;
  }
  return PostedCall::start(
      context_.loop, std::move(slot),
      [handlers = &context_.handlers, response, answer = std::move(answer)]() -> grpc::Status {
        auto said = answer(*handlers);
        if constexpr (std::is_same_v<decltype(said), Response>) {
          *response = std::move(said);
        } else {
          if (!said) {
            return to_status(said.error());
          }
          *response = std::move(*said);
        }
        return grpc::Status::OK;
      });
}

AgentService::Reactor* AgentService::GetStatus(Context* context, const v1::GetStatusRequest*,
                                               v1::Status* response) {
  return on_loop(context, response, [](Handlers& handlers) { return handlers.status(); });
}

AgentService::Reactor* AgentService::ListWorkloads(Context* context,
                                                   const v1::ListWorkloadsRequest*,
                                                   v1::ListWorkloadsResponse* response) {
  return on_loop(context, response, [](Handlers& handlers) { return handlers.workloads(); });
}

AgentService::Reactor* AgentService::ListPolicies(Context* context, const v1::ListPoliciesRequest*,
                                                  v1::ListPoliciesResponse* response) {
  return on_loop(context, response, [](Handlers& handlers) { return handlers.policies(); });
}

AgentService::Reactor* AgentService::ListAdapters(Context* context, const v1::ListAdaptersRequest*,
                                                  v1::ListAdaptersResponse* response) {
  return on_loop(context, response, [](Handlers& handlers) { return handlers.adapters(); });
}

AgentService::Reactor* AgentService::Explain(Context* context, const v1::ExplainRequest* request,
                                             v1::ExplainResponse* response) {
  return on_loop(context, response,
                 [request](Handlers& handlers) { return handlers.explain(*request); });
}

AgentService::Reactor* AgentService::SetMode(Context* context, const v1::SetModeRequest* request,
                                             v1::SetModeResponse* response) {
  return on_loop(context, response,
                 [request](Handlers& handlers) { return handlers.set_mode(request->mode()); });
}

AgentService::Reactor* AgentService::Release(Context* context, const v1::ReleaseRequest* request,
                                             v1::ReleaseResponse* response) {
  return on_loop(context, response,
                 [request](Handlers& handlers) { return handlers.release(request->workload()); });
}

AgentService::Reactor* AgentService::Reload(Context* context, const v1::ReloadRequest*,
                                            v1::ReloadResponse* response) {
  return on_loop(context, response, [](Handlers& handlers) { return handlers.reload(); });
}

grpc::ServerWriteReactor<v1::Event>* AgentService::StreamEvents(
    Context*, const v1::StreamEventsRequest* request) {
  auto slot = limit_.take();
  if (!slot) {
    return new RefusedStream(limit_.refusal());
  }
  return EventStream::start(context_, std::move(slot), *request);
}

}  // namespace usher::api
