#include "hook/exempt.hpp"

#include <algorithm>
#include <array>

#include "base/glob.hpp"

namespace usher::hook {
namespace {

// What a runtime writes into its own containers' annotations after, and over, the pod author's.
struct RuntimeKeys {
  std::string_view runtime;
  std::string_view kind;  // must say "container"; empty: the runtime has no such key
  std::string_view pod_namespace;
  std::string_view pod;
  std::string_view image;
  std::string_view labels;        // a JSON object in a string; empty: none
  std::string_view label_prefix;  // of annotations that are labels; empty: none
};

constexpr std::array<RuntimeKeys, 3> kRuntimes = {{
    {"cri-o", "io.kubernetes.cri-o.ContainerType", "io.kubernetes.pod.namespace",
     "io.kubernetes.pod.name", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Labels", ""},
    // podman knows no pods of Kubernetes: its caller annotates, and is trusted as root is.
    {"podman", "", "io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "usher.io/image", "",
     "usher.io/label."},
    {"containerd", "io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-namespace",
     "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.image-name", "", ""},
}};

std::string value_of(const StringMap& map, std::string_view key) {
  const auto at = map.find(key);
  return at == map.end() ? std::string() : at->second;
}

bool holds_all(const std::vector<std::pair<std::string, std::string>>& wanted,
               const StringMap& have) {
  return std::ranges::all_of(wanted, [&](const auto& pair) {
    const auto at = have.find(pair.first);
    return at != have.end() && at->second == pair.second;
  });
}

bool matches_any(const std::vector<std::string>& globs, std::string_view text) {
  return !text.empty() &&
         std::ranges::any_of(globs, [&](const auto& glob) { return glob_matches(glob, text); });
}

}  // namespace

Subject subject_of(std::string_view runtime, const State& state) {
  Subject subject;
  subject.id = state.id;
  const auto keys = std::ranges::find(kRuntimes, runtime, &RuntimeKeys::runtime);
  if (keys == kRuntimes.end()) {
    return subject;
  }
  if (!keys->kind.empty() && value_of(state.annotations, keys->kind) != "container") {
    return subject;  // CRI-O copies a pod's labels over its own keys in a sandbox's annotations
  }
  subject.pod_namespace = value_of(state.annotations, keys->pod_namespace);
  subject.pod = value_of(state.annotations, keys->pod);
  subject.image = value_of(state.annotations, keys->image);
  if (!keys->labels.empty()) {
    subject.labels =
        parse_string_map(value_of(state.annotations, keys->labels)).value_or(StringMap());
  }
  for (const auto& [key, value] : state.annotations) {
    if (!keys->label_prefix.empty() && key.starts_with(keys->label_prefix)) {
      subject.labels.emplace(key.substr(keys->label_prefix.size()), value);
    }
  }
  return subject;
}

bool is_exempt(const Exemptions& exempt, const Subject& subject, const StringMap& annotations) {
  return matches_any(exempt.namespaces, subject.pod_namespace) &&
         holds_all(exempt.labels, subject.labels) && holds_all(exempt.annotations, annotations) &&
         (exempt.images.empty() || matches_any(exempt.images, subject.image));
}

}  // namespace usher::hook
