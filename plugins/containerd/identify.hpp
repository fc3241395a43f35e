// Who a container of containerd is: from its OCI state's keys, and from what NRI tells.
#pragma once

#include <string_view>

#include "containerd/nri/messages.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

inline constexpr std::string_view kContainerd = "containerd";
inline constexpr std::string_view kNriSource = "nri (the runtime's own record)";

// From the keys that containerd writes after a pod author's annotations; all others are ignored.
// Throws plugin::Failure that names the key which is missing or wrong. Labels and runtime handler
// are in none of them: they are not known until the record is joined.
plugin::Identity identify(const plugin::OciState& state);

// Joins `who`, which identify gave, with containerd's record of its sandbox. An empty runtime
// handler is the default one then. Throws plugin::Failure where they disagree.
void join_record(plugin::Identity& who, const cri::Sandbox& record, std::string_view source);

plugin::Identity identity_of(const nri::Pod& pod, const nri::Container& container);

}  // namespace usher::containerd
