// The parts of an OCI state that an exemption is decided by. Read only when the agent could not be
// asked; strict, because the input is partly a pod author's.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::hook {

using StringMap = std::map<std::string, std::string, std::less<>>;

struct State {
  std::string id;
  StringMap annotations;
};

// One JSON object, no `id`, `annotations` or annotation given twice, strings where strings belong,
// nested at most kMaxDepth deep. Other keys are passed over.
Result<State> parse_state(std::string_view json);

// A JSON object whose values are all strings, in the same strict way.
Result<StringMap> parse_string_map(std::string_view json);

inline constexpr int kMaxDepth = 64;

}  // namespace usher::hook
