// How much of pods' labels a list may bring.
#pragma once

#include <cstddef>
#include <span>

#include "containerd/nri/messages.hpp"

namespace usher::containerd {

// Of all of a list's pods together: a thousand pods with many times what is usual.
inline constexpr std::size_t kMaxListedLabels = std::size_t{16} << 20;

// Pods' authors write labels, so they bound nothing themselves. Where all together have more than
// `most` bytes, those of the pods that have most are not known; what only labels can decide is
// refused then.
void bound_labels(std::span<nri::Pod> pods, std::size_t most = kMaxListedLabels);

}  // namespace usher::containerd
