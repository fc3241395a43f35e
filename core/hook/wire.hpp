// gRPC's framing and the two messages of proto/usher/v1/hooks.proto, by hand: no protobuf library
// is in this binary. tests/unit/hook/wire_test.cpp holds this to protobuf's own encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "hook/stage.hpp"

namespace usher::hook {

// An answer is a verdict and a sentence; more than this is not from an agent.
inline constexpr std::size_t kMaxAnswer = 64U << 10;

// HookResponse.Verdict. Numbers that a later agent adds keep their value and are no permission.
inline constexpr std::uint64_t kVerdictGo = 1;
inline constexpr std::uint64_t kVerdictRefuse = 2;

struct Answer {
  std::uint64_t verdict = 0;
  std::string message;  // bytes as the agent sent them: escape before showing
};

// A HookRequest behind gRPC's five bytes: flag (not compressed), length.
std::string encode_request(Stage stage, std::string_view runtime, std::string_view state,
                           std::string_view hook_version);

// Exactly one uncompressed message that holds a HookResponse. Unknown fields are skipped.
Result<Answer> decode_answer(std::string_view body);

// grpc-message's %XX; what is no escape stays as it is (the gRPC specification asks for that).
std::string percent_decode(std::string_view text);

}  // namespace usher::hook
