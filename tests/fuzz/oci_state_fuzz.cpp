// Whatever bytes a hook is given: parsing ends, and what it takes keeps its promises.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "identity/cgroup_path.hpp"
#include "identity/oci_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  const auto state = usher::identity::parse_oci_state(input);
  if (state && (state->id.empty() || state->id.find('/') != std::string::npos || state->pid < 0 ||
                !state->bundle.starts_with('/'))) {
    std::abort();
  }
  (void)usher::identity::owner_of(input);
  (void)usher::identity::unified_path(input);
  (void)usher::identity::expand_cgroups_path(input);
  if (!input.starts_with(usher::identity::container_cgroup(input))) {
    std::abort();
  }
  return 0;
}
