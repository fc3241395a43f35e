#include "containerd/identify.hpp"

#include <string>

#include "base/escape.hpp"
#include "cri/lister.hpp"

namespace usher::containerd {
namespace {

using plugin::Identity;
using plugin::OciState;

constexpr std::string_view kType = "io.kubernetes.cri.container-type";
constexpr std::string_view kSandboxId = "io.kubernetes.cri.sandbox-id";
constexpr std::string_view kNamespace = "io.kubernetes.cri.sandbox-namespace";
constexpr std::string_view kPod = "io.kubernetes.cri.sandbox-name";
constexpr std::string_view kUid = "io.kubernetes.cri.sandbox-uid";
constexpr std::string_view kContainer = "io.kubernetes.cri.container-name";
constexpr std::string_view kImage = "io.kubernetes.cri.image-name";

[[noreturn]] void refuse(std::string_view key, const std::string& why) {
  throw plugin::Failure("annotation " + std::string(key) + " " + why, USHER_INVALID);
}

std::string taken(const OciState& state, std::string_view key, bool required) {
  const auto value = state.annotation(key);
  if (!value && required) {
    refuse(key,
           "is missing; was this container started by containerd's CRI, as the hook's "
           "--runtime says?");
  }
  auto name = cri::checked_name("annotation " + std::string(key), std::string(value.value_or("")),
                                cri::kMaxName, required);
  if (!name) {
    throw plugin::Failure(name.error().message, USHER_INVALID);
  }
  return std::move(*name);
}

}  // namespace

Identity identify(const OciState& state) {
  const auto type = taken(state, kType, true);
  if (type != "container" && type != "sandbox") {
    refuse(kType, "is \"" + type + "\"; it must be container or sandbox");
  }
  Identity who;
  who.is_sandbox = type == "sandbox";
  who.container_id = state.id;
  who.sandbox_id = taken(state, kSandboxId, true);
  if (who.is_sandbox != (who.sandbox_id == state.id)) {
    refuse(kSandboxId, "is \"" + who.sandbox_id + "\", but the state is of \"" + escape(state.id) +
                           "\", which is a " + type + " by " + std::string(kType));
  }
  who.pod_namespace = taken(state, kNamespace, true);
  who.pod_name = taken(state, kPod, true);
  who.pod_uid = taken(state, kUid, false);
  who.identity_source = "containerd annotations";
  who.handler_unknown = true;
  who.record_unknown = !who.is_sandbox;  // of a sandbox that it is just making containerd has none
  if (!who.is_sandbox) {
    who.container_name = taken(state, kContainer, true);
    who.image = state.annotation(kImage).value_or("");
    if (who.image.size() > cri::kMaxImage || !cri::is_text(who.image)) {
      refuse(kImage, "is " + cri::shown(who.image) + ", which is no name of an image");
    }
  }
  return who;
}

void join_record(Identity& who, const cri::Sandbox& record, std::string_view source) {
  cri::join(who, record, source);
  who.handler_unknown = false;
  who.record_unknown = false;
}

Identity identity_of(const nri::Pod& pod, const nri::Container& container) {
  auto who = cri::identity_of(pod, kNriSource);
  who.is_sandbox = false;
  who.container_id = container.id;
  who.container_name = container.name;
  who.image = container.image;
  return who;
}

}  // namespace usher::containerd
