// Who a container of containerd is: from its OCI state's keys, and from what NRI tells.
#pragma once

#include <string_view>

#include "containerd/nri/messages.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

inline constexpr std::string_view kContainerd = "containerd";
inline constexpr std::string_view kNriSource = "nri (the runtime's own record)";

// From the keys that containerd writes after a pod author's annotations; all others are ignored.
// Throws plugin::Failure that names the key which is missing or wrong. Labels are in none of them.
plugin::Identity identify(const plugin::OciState& state);

plugin::Identity identity_of(const nri::Pod& pod, const nri::Container& container);

}  // namespace usher::containerd
