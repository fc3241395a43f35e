// What usherctl and tests say to the agent: blocking calls with a deadline over one connection.
// gRPC stays inside: users of this header see messages only.
#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "usher/v1/agent.pb.h"
#include "usher/v1/hooks.pb.h"

namespace usher::api {

struct CallError {
  enum class Kind : std::uint8_t {
    unreachable,  // nobody listens, or the connection was closed on us
    timeout,
    bad_input,  // the agent does not understand the question
    refused,    // the agent says no, or failed
  } kind = Kind::refused;
  std::string message;  // one sentence: what, why, what to do. Bytes escaped.
};

template <class T>
using Answer = std::expected<T, CallError>;

class Client {
 public:
  // Connects at once: an agent that is not there is an error here. `timeout` is for each call.
  static Answer<std::unique_ptr<Client>> connect(const std::filesystem::path& socket,
                                                 std::chrono::milliseconds timeout);
  virtual ~Client() = default;

  virtual Answer<v1::Status> status() = 0;
  virtual Answer<v1::ListWorkloadsResponse> workloads() = 0;
  virtual Answer<v1::ListPoliciesResponse> policies() = 0;
  virtual Answer<v1::ListAdaptersResponse> adapters() = 0;
  virtual Answer<v1::ExplainResponse> explain(const v1::ExplainRequest& request) = 0;
  virtual Answer<v1::SetModeResponse> set_mode(const std::string& mode) = 0;
  virtual Answer<v1::ReleaseResponse> release(const std::string& workload) = 0;
  virtual Answer<v1::ReloadResponse> reload() = 0;
  // Until the stream ends or `sink` says false. With `follow` there is no deadline.
  virtual Answer<void> events(const v1::StreamEventsRequest& request,
                              const std::function<bool(const v1::Event&)>& sink) = 0;
  // On the hook socket.
  virtual Answer<v1::HookResponse> hook(const v1::HookRequest& request) = 0;
};

}  // namespace usher::api
