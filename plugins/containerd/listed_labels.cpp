#include "containerd/listed_labels.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace usher::containerd {
namespace {

std::size_t bytes_of(const cri::Labels& labels) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : labels) {
    bytes += key.size() + value.size();
  }
  return bytes;
}

}  // namespace

void bound_labels(std::span<nri::Pod> pods, std::size_t most) {
  std::vector<std::pair<std::size_t, nri::Pod*>> by_size;
  for (auto& pod : pods) {
    by_size.emplace_back(bytes_of(pod.labels), &pod);
  }
  std::ranges::sort(by_size);
  std::size_t total = 0;
  for (const auto& [bytes, pod] : by_size) {
    total += bytes;
    if (total > most) {
      pod->labels.clear();
      pod->labels_problem = "the labels of all pods on this node have more than " +
                            std::to_string(most) +
                            " bytes together, and this pod's are among the longest: shorten them";
    }
  }
}

}  // namespace usher::containerd
