// A strict reader of OCI hook files, schema 1.0.0 (oci-hooks(5)), as CRI-O and podman read them:
// what they refuse is refused here, with the reason, and what they pass over in silence is told.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace usher::cri_o {

inline constexpr std::size_t kMaxHookFile = 1U << 20;

struct HookDefinition {
  bool old_schema =
      false;  // version 0.1.0 or none: read by the runtimes, not looked at further here
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> stages;
  bool never = false;                // its conditions cannot hold: an empty `when`
  bool always = false;               // holds for every container
  std::vector<std::string> remarks;  // sentences: keys that nobody reads, given twice, no timeout …
};

// An error is a reason for which CRI-O does not start. The file at `path` is not looked for.
Result<HookDefinition> parse_hook(std::string_view json);

}  // namespace usher::cri_o
