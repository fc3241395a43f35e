// usherctl in a box: a command line in, exit code and both outputs out. The client stands for an
// agent whose answers a test sets; hostile bytes are its default.
#pragma once

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "ctl/app.hpp"

namespace usher::ctl::test {

// Everything that could turn a terminal or a log around.
inline const std::string kHostile = "a\x1b[31m\n\r\t\"\\\xff\xe2\x80\xae z";

class ClientDouble : public api::Client {
 public:
  api::Answer<v1::Status> status() override;
  api::Answer<v1::ListWorkloadsResponse> workloads() override;
  api::Answer<v1::ListPoliciesResponse> policies() override;
  api::Answer<v1::ListAdaptersResponse> adapters() override;
  api::Answer<v1::ExplainResponse> explain(const v1::ExplainRequest& request) override;
  api::Answer<v1::SetModeResponse> set_mode(const std::string& mode) override;
  api::Answer<v1::ReleaseResponse> release(const std::string& workload) override;
  api::Answer<v1::ReloadResponse> reload() override;
  api::Answer<void> events(const v1::StreamEventsRequest& request,
                           const std::function<bool(const v1::Event&)>& sink) override;
  api::Answer<v1::HookResponse> hook(const v1::HookRequest&) override { return {}; }

  // Set: every call fails so.
  std::optional<api::CallError> error;
  std::vector<std::string> asked;  // what was called, with its arguments
};

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

struct Box {
  std::optional<api::CallError> unreachable;  // connect fails so
  std::optional<api::CallError> error;
  std::vector<std::string> asked;
  std::string typed;  // on stdin
  bool interactive = false;
  bool colour = false;
  Sources sources;

  Outcome run(std::vector<std::string> arguments);
};

}  // namespace usher::ctl::test
