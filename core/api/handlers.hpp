// What the services ask of the agent. api/ speaks gRPC and knows nothing of the agent; the agent
// implements this and knows nothing of gRPC. Every call runs on the loop; a call that waits is a
// coroutine and may be cancelled when its client goes away.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "api/container_notice.hpp"
#include "base/error.hpp"
#include "usher/v1/agent.pb.h"
#include "usher/v1/hooks.pb.h"

namespace usher::api {

// Receives events for one StreamEvents call until it is destroyed.
class EventSubscription {
 public:
  virtual ~EventSubscription() = default;
  // The next event; an error when the hub was closed or, without `follow`, when the history has
  // been told (the stream then ends well). A reader that is too slow loses events: the
  // next one it gets says how many in `suppressed` with type "lost".
  virtual asio::awaitable<Result<v1::Event>> next() = 0;
};

class Handlers {
 public:
  virtual ~Handlers() = default;

  // Never fails: a refusal is a verdict with a message.
  virtual asio::awaitable<v1::HookResponse> hook(v1::HookRequest request) = 0;
  // The same gate for a hook that is not ours.
  virtual asio::awaitable<v1::HookResponse> notice(ContainerNotice notice) = 0;

  virtual v1::Status status() = 0;
  virtual v1::ListWorkloadsResponse workloads() = 0;
  virtual v1::ListPoliciesResponse policies() = 0;
  virtual v1::ListAdaptersResponse adapters() = 0;
  // Errors, here and below: code ENOENT for a workload that is not there, EINVAL for a question
  // that makes no sense; anything else is a refusal.
  virtual Result<v1::ExplainResponse> explain(const v1::ExplainRequest& request) = 0;
  virtual std::unique_ptr<EventSubscription> subscribe(std::uint32_t history, bool follow) = 0;
  virtual Result<v1::SetModeResponse> set_mode(const std::string& mode) = 0;
  virtual Result<v1::ReleaseResponse> release(const std::string& workload) = 0;
  virtual v1::ReloadResponse reload() = 0;

  // Is this peer one of our own workloads? Asked at accept for the connecting process.
  virtual bool is_workload(std::uint32_t pid) = 0;
};

}  // namespace usher::api
