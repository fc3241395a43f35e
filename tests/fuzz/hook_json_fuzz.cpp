// What a hook reads of a container's state when the agent is away, and what it tells from it. Any
// input may be refused; none may crash, hang or exempt a container whose namespace is not in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <tuple>

#include "hook/exempt.hpp"
#include "hook/options.hpp"
#include "hook/state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto state = usher::hook::parse_state(json);
  std::ignore = usher::hook::parse_string_map(json);
  if (!state) {
    return state.error().message.empty() ? (std::abort(), 0) : 0;
  }
  for (const std::string_view runtime : {"cri-o", "podman", "containerd"}) {
    const auto subject = usher::hook::subject_of(runtime, *state);
    const bool exempt = usher::hook::is_exempt({}, subject, state->annotations);
    const bool named =
        subject.pod_namespace == "kube-system" || subject.pod_namespace == "usher-system";
    if (exempt != named) {
      std::abort();
    }
  }
  return 0;
}
