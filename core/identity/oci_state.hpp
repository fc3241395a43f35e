// The OCI state that a hook is given, parsed strictly and bounded.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::identity {

// At most 4 MiB, no duplicate or wrongly typed keys among those that are read; unknown keys are
// left alone (runtimes add some). Errors name the key and what was expected.
Result<OciState> parse_oci_state(std::string_view json);

}  // namespace usher::identity
