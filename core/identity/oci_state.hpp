// The OCI state that a hook is given, parsed strictly and bounded.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::identity {

inline constexpr std::size_t kMaxStateSize = 4U << 20;

// At most kMaxStateSize bytes of UTF-8 JSON, nested at most 64 deep. No duplicate or wrongly typed
// keys among those that are read (ociVersion, id, status, pid, bundle, root, annotations); unknown
// keys are left alone, runtimes add some. id, status and bundle must be there; the id is a plain
// name (no '/', no NUL, not "." or ".."), bundle is an absolute path; crun's root is as in
// config.json, often relative to the bundle (rootfs_of resolves it). A null annotations object
// reads as none. Errors name the key and what was expected.
Result<OciState> parse_oci_state(std::string_view json);

}  // namespace usher::identity
