#include "cri-o/identify.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "base/escape.hpp"

namespace usher::cri_o {
namespace {

using plugin::Failure;
using plugin::Identity;
using plugin::OciState;

constexpr std::string_view kPodNamespace = "io.kubernetes.pod.namespace";
constexpr std::string_view kPodName = "io.kubernetes.pod.name";
constexpr std::string_view kPodUid = "io.kubernetes.pod.uid";
constexpr std::string_view kContainerName = "io.kubernetes.container.name";
constexpr std::string_view kContainerType = "io.kubernetes.cri-o.ContainerType";
constexpr std::string_view kContainerId = "io.kubernetes.cri-o.ContainerID";
constexpr std::string_view kSandboxId = "io.kubernetes.cri-o.SandboxID";
constexpr std::string_view kImageName = "io.kubernetes.cri-o.ImageName";

constexpr std::size_t kMaxName = 253;  // of a DNS subdomain, Kubernetes' longest kind of name

[[noreturn]] void refuse(std::string_view key, std::string_view why) {
  throw Failure("annotation " + escape(key) + " " + std::string(why), USHER_INVALID);
}

std::string checked_name(std::string_view key, std::string_view value) {
  const bool plain = std::ranges::all_of(
      value, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '\\' && c != '"'; });
  if (value.empty() || value.size() > kMaxName || !plain) {
    refuse(key, "is \"" + escape(value.substr(0, 80)) + "\", which is not a name (1 to " +
                    std::to_string(kMaxName) + " plain characters)");
  }
  return std::string(value);
}

std::string required(const OciState& state, std::string_view key) {
  const auto value = state.annotation(key);
  if (!value) {
    refuse(key, "is missing; was this container started by " + std::string(state.runtime) +
                    ", as the hook's --runtime says?");
  }
  return checked_name(key, *value);
}

std::string optional(const OciState& state, std::string_view key) {
  const auto value = state.annotation(key);
  return value ? checked_name(key, *value) : std::string();
}

}  // namespace

Identity identify_cri_o(const OciState& state) {
  const std::string kind = required(state, kContainerType);
  if (kind != "container" && kind != "sandbox") {
    refuse(kContainerType, "is \"" + kind + "\"; it must be container or sandbox");
  }
  Identity who;
  who.container_id = state.id;
  who.identity_source = "cri-o annotations";
  if (kind == "sandbox") {
    who.is_sandbox = true;
    who.sandbox_id = state.id;
    return who;
  }
  if (const auto id = required(state, kContainerId); id != state.id) {
    refuse(kContainerId, "is \"" + id + "\", but the runtime's state is of container \"" +
                             escape(state.id) + "\"");
  }
  who.sandbox_id = required(state, kSandboxId);
  if (who.sandbox_id == state.id) {
    refuse(kSandboxId, "names the container itself, but " + std::string(kContainerType) +
                           " says that it is no sandbox");
  }
  who.pod_namespace = required(state, kPodNamespace);
  who.pod_name = required(state, kPodName);
  who.pod_uid = required(state, kPodUid);
  who.container_name = required(state, kContainerName);
  who.image = state.annotation(kImageName).value_or("");
  return who;
}

Identity identify_podman(const OciState& state) {
  Identity who;
  who.container_id = state.id;
  who.pod_namespace = optional(state, kPodNamespace);
  who.pod_name = optional(state, kPodName);
  who.pod_uid = optional(state, kPodUid);
  who.container_name = optional(state, kContainerName);
  who.image = state.annotation(kImageKey).value_or("");
  std::string_view first;
  for (const auto& [raw_key, value] : state.annotations) {
    const std::string_view key = plugin::view(raw_key);
    if (key.starts_with(kLabelPrefix) && key.size() > kLabelPrefix.size()) {
      who.pod_labels.emplace(key.substr(kLabelPrefix.size()), plugin::view(value));
      first = first.empty() ? key : first;
    }
  }
  // What podman's caller did not say is not there: its labels are all that there are.
  who.labels_known = true;
  for (const auto& [key, given] :
       {std::pair(kPodUid, !who.pod_uid.empty()),
        std::pair(kContainerName, !who.container_name.empty()), std::pair(first, !first.empty()),
        std::pair(kPodName, !who.pod_name.empty())}) {
    if (given && who.pod_namespace.empty()) {
      refuse(kPodNamespace, "is missing, but " + escape(key) + " is there; give both or none");
    }
  }
  if (!who.pod_namespace.empty() && who.pod_name.empty()) {
    refuse(kPodName,
           "is missing, but " + std::string(kPodNamespace) + " is there; give both or none");
  }
  const bool in_pod = !who.pod_namespace.empty();
  who.identity_source = in_pod ? "podman annotations (as the caller wrote them)"
                               : "podman (no Kubernetes annotations)";
  who.labels_source = in_pod ? who.identity_source : std::string();
  return who;
}

}  // namespace usher::cri_o
