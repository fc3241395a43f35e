// The call of tetragon-oci-hook, on a socket of its own: a gate like usher.v1.RuntimeHooks.
#pragma once

#include "api/calls.hpp"
#include "tetragon/sensors.grpc.pb.h"

namespace usher::api {

class TetragonService final : public tetragon::FineGuidanceSensors::CallbackService {
 public:
  TetragonService(const HookCallContext& context, std::uint32_t limit)
      : context_(context), limit_(limit) {}

  // A refusal is the status FAILED_PRECONDITION with the reason: the response has no room for one.
  grpc::ServerUnaryReactor* RuntimeHook(grpc::CallbackServerContext* context,
                                        const tetragon::RuntimeHookRequest* request,
                                        tetragon::RuntimeHookResponse* response) override;

 private:
  HookCallContext context_;
  CallLimit limit_;
};

}  // namespace usher::api
