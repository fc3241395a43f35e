// Who a container of CRI-O or podman is, from its OCI state alone. Pure.
#pragma once

#include <string_view>

#include "usher/plugin.hpp"

namespace usher::cri_o {

inline constexpr std::string_view kCriO = "cri-o";
inline constexpr std::string_view kPodman = "podman";

// Annotations that podman's caller may set beside io.kubernetes.pod.* and
// io.kubernetes.container.name: pod labels, one each, and the image.
inline constexpr std::string_view kLabelPrefix = "usher.io/label.";
inline constexpr std::string_view kImageKey = "usher.io/image";

// CRI-O writes the keys that are read here after the pod author's annotations, in a container's
// spec. A sandbox's spec is the author's throughout (labels are copied over CRI-O's own keys), so
// nothing is taken from it but that it is one. Pod labels are in neither: labels_known is false.
// Every other key is ignored. Throws plugin::Failure, which names the key, where one is missing,
// malformed or disagrees with state.id.
plugin::Identity identify_cri_o(const plugin::OciState& state);

// podman has no pods of Kubernetes: identity is what its caller, who is root, annotates. No key at
// all: a container that is no pod's. Namespace and name come together; the rest needs them.
plugin::Identity identify_podman(const plugin::OciState& state);

}  // namespace usher::cri_o
