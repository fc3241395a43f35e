// The container that a guest's runtime holds back, as its OCI state names it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace usher::hook {

inline constexpr std::size_t kMaxContainerId = 255;

struct GuestState {
  std::int64_t pid = 0;  // 0: none was read
  std::string id;
  std::string problem;  // empty: the state is whole, and both are there
};

// `id` and `pid` once each at the document's top, of the right type; other keys are passed over. A
// broken state keeps the pid that stood before the fault: it is what must be killed then.
GuestState parse_guest_state(std::string_view json);

}  // namespace usher::hook
