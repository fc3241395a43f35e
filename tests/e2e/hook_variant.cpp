// A hook of another time: speaks usher-hook's command line and the agent's wire, with the fields
// that the hook of USHER_VARIANT sent or will send. It stands for what is installed on a node whose
// agent is newer, or older, than its hook.
//   older: no hook_version    newer: fields that today's agent does not know
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "usher/v1/hooks.grpc.pb.h"

namespace {

// One field of the wire, by hand: what is sent must not depend on today's proto.
void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out += static_cast<char>(value | 0x80);
  }
  out += static_cast<char>(value);
}
void append_bytes(std::string& out, unsigned field, std::string_view value) {
  append_varint(out, field << 3 | 2U);
  append_varint(out, value.size());
  out += value;
}

std::string request_of(std::string_view stage, std::string_view runtime, std::string_view state) {
  std::string out;
  append_varint(out, 1U << 3);
  append_varint(out, stage == "createRuntime" ? 2 : stage == "poststop" ? 6 : 0);
  append_bytes(out, 2, runtime);
  append_bytes(out, 3, state);
  if (std::string_view(USHER_VARIANT) == "newer") {
    append_bytes(out, 4, USHER_VARIANT_VERSION);
    append_bytes(out, 15, "what a later hook adds");
    append_varint(out, 100U << 3);
    append_varint(out, 1);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts("usher-hook " USHER_VARIANT_VERSION);
    return 0;
  }
  std::map<std::string_view, std::string> options;
  for (int i = 2; i + 1 < argc; i += 2) {
    options[argv[i]] = argv[i + 1];
  }
  const std::string state{std::istreambuf_iterator<char>(std::cin), {}};
  usher::v1::HookRequest request;
  if (argc < 2 || !request.ParseFromString(request_of(argv[1], options["--runtime"], state))) {
    return 2;
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  usher::v1::HookResponse response;
  const auto stub = usher::v1::RuntimeHooks::NewStub(
      grpc::CreateChannel("unix:" + options["--socket"], grpc::InsecureChannelCredentials()));
  const auto status = stub->Hook(&context, request, &response);
  if (!status.ok() || response.verdict() != usher::v1::HookResponse::VERDICT_GO) {
    std::fprintf(stderr, "usher-hook: %s%s\n", status.error_message().c_str(),
                 response.message().c_str());
    return 1;
  }
  return 0;
}
