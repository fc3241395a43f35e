#include "containerd/nri/messages.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/escape.hpp"
#include "nri/nri.pb.h"

namespace usher::nri {
namespace {

constexpr std::size_t kMaxProblems = 16;
constexpr std::size_t kMaxCgroupPath = 4096;
constexpr std::uint32_t kMaxPid = 1U << 22;

// The image as it was asked for: containerd's own word in the container's specification, which the
// hook's state and CRI's record say too. Over it NRI lays the annotations of CRI's container
// configuration, which are the kubelet's and its device plugins' to write, not a pod author's.
constexpr std::string_view kImageKey = "io.kubernetes.cri.image-name";
constexpr std::string_view kStateChange = "StateChange";

constexpr std::pair<std::string_view, Event> kMethods[] = {
    {"RunPodSandbox", Event::run_pod_sandbox},
    {"StopPodSandbox", Event::stop_pod_sandbox},
    {"RemovePodSandbox", Event::remove_pod_sandbox},
    {"CreateContainer", Event::create_container},
    {"PostCreateContainer", Event::post_create_container},
    {"StartContainer", Event::start_container},
    {"PostStartContainer", Event::post_start_container},
    {"UpdateContainer", Event::update_container},
    {"PostUpdateContainer", Event::post_update_container},
    {"StopContainer", Event::stop_container},
    {"RemoveContainer", Event::remove_container},
    {"UpdatePodSandbox", Event::update_pod_sandbox},
    {"PostUpdatePodSandbox", Event::post_update_pod_sandbox},
    {"ValidateContainerAdjustment", Event::validate_container_adjustment},
};

template <class Message>
Result<Message> parse(std::string_view bytes, std::string_view method) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail("what the runtime sent is no request of " + escape(method), EPROTO);
  }
  return message;
}

struct Text {
  const char* what;
  const std::string* value;
  std::size_t limit;
  bool required;
  std::string* to;
};

template <std::size_t n>
Result<> take(const Text (&texts)[n]) {
  for (const auto& text : texts) {
    auto good = cri::checked_name(text.what, *text.value, text.limit, text.required);
    if (!good) {
      return std::unexpected(std::move(good.error()));
    }
    *text.to = std::move(*good);
  }
  return {};
}

Result<int> taken_pid(std::uint32_t pid) {
  if (pid > kMaxPid) {
    return fail("pid " + std::to_string(pid) + " cannot be");
  }
  return static_cast<int>(pid);
}

Result<std::string> taken_cgroup(const std::string& path) {
  if (path.size() > kMaxCgroupPath || !cri::is_text(path)) {
    return fail("its cgroup is " + cri::shown(path) + ", which is no path");
  }
  return path;
}

template <class Entries>
Result<cri::Labels> pod_labels(const Entries& entries) {
  cri::LabelReader reader;
  for (const auto& entry : entries) {
    if (auto added = reader.add(entry.key(), entry.value()); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  return reader.take();
}

Result<Pod> pod(const v1::PodSandbox& from) {
  Pod to;
  const auto texts =
      take({{"the sandbox's id", &from.id(), cri::kMaxId, true, &to.id},
            {"the pod's namespace", &from.namespace_(), cri::kMaxName, true, &to.pod_namespace},
            {"the pod's name", &from.name(), cri::kMaxName, true, &to.pod_name},
            {"the pod's uid", &from.uid(), cri::kMaxName, false, &to.pod_uid},
            {"the runtime handler", &from.runtime_handler(), cri::kMaxName, false,
             &to.runtime_handler}});
  const auto pid = taken_pid(from.pid());
  const auto cgroup = taken_cgroup(from.linux().cgroups_path());
  for (const auto* error : {texts ? nullptr : &texts.error(), pid ? nullptr : &pid.error(),
                            cgroup ? nullptr : &cgroup.error()}) {
    if (error != nullptr) {
      return std::unexpected(*error);
    }
  }
  to.ready = true;
  to.pid = *pid;
  to.cgroup_path = *cgroup;
  auto found = pod_labels(from.labels());
  if (found) {
    to.labels = std::move(*found);
  } else {
    to.labels_problem = std::move(found.error().message);
  }
  return to;
}

Result<Container> container(const v1::Container& from) {
  Container to;
  const auto texts =
      take({{"the container's id", &from.id(), cri::kMaxId, true, &to.id},
            {"its sandbox's id", &from.pod_sandbox_id(), cri::kMaxId, true, &to.sandbox_id},
            {"the container's name", &from.name(), cri::kMaxName, true, &to.name}});
  const auto pid = taken_pid(from.pid());
  const auto cgroup = taken_cgroup(from.linux().cgroups_path());
  for (const auto* error : {texts ? nullptr : &texts.error(), pid ? nullptr : &pid.error(),
                            cgroup ? nullptr : &cgroup.error()}) {
    if (error != nullptr) {
      return std::unexpected(*error);
    }
  }
  to.pid = *pid;
  to.cgroup_path = *cgroup;
  for (const auto& entry : from.annotations()) {
    if (entry.key() == kImageKey) {
      to.image = entry.value();
    }
  }
  // The field of later runtimes is the name that the reference was resolved to: policies that were
  // written for the other would not meet it.
  if (to.image.empty()) {
    to.image = from.image().name();
  }
  if (to.image.size() > cri::kMaxImage || !cri::is_text(to.image)) {
    return fail("its image is " + cri::shown(to.image) + ", which is no name of one");
  }
  to.state = from.state() >= 0 && from.state() <= 4 ? static_cast<Container::State>(from.state())
                                                    : Container::State::unknown;
  return to;
}

// Only ids: of a sandbox that the runtime has lost already, it knows nothing else.
Result<Notice> removed(const v1::StateChangeEvent& from) {
  Notice to{static_cast<Event>(from.event()), Pod{}, Container{}};
  const auto& sandbox =
      from.pod().id().empty() ? from.container().pod_sandbox_id() : from.pod().id();
  auto texts =
      take({{"the sandbox's id", &sandbox, cri::kMaxId, false, &to.pod->id},
            {"the container's id", &from.container().id(), cri::kMaxId, true, &to.container->id}});
  if (!texts) {
    return std::unexpected(std::move(texts.error()));
  }
  to.container->sandbox_id = to.pod->id;
  return to;
}

template <class Items, class Read, class To>
void collect(const Items& items, const char* what, Read read, std::vector<To>& to,
             std::vector<std::string>& problems) {
  for (const auto& item : items) {
    auto good = read(item);
    if (good) {
      to.push_back(std::move(*good));
    } else if (problems.size() < kMaxProblems) {
      problems.push_back(std::string(what) + " " + cri::shown(item.id()) +
                         " is left out: " + good.error().message);
    }
  }
}

}  // namespace

Result<Configure> read_configure(std::string_view payload) {
  const auto from = parse<v1::ConfigureRequest>(payload, "Configure");
  if (!from) {
    return std::unexpected(from.error());
  }
  // An hour is more than any runtime gives; what is beyond cannot be meant.
  const auto timeout = std::clamp<std::int64_t>(from->request_timeout(), 0, 3'600'000);
  return Configure{escape(from->runtime_name().substr(0, cri::kMaxName)),
                   escape(from->runtime_version().substr(0, cri::kMaxName)),
                   std::chrono::milliseconds(timeout)};
}

Result<Synchronize> read_synchronize(std::string_view payload) {
  const auto from = parse<v1::SynchronizeRequest>(payload, "Synchronize");
  if (!from) {
    return std::unexpected(from.error());
  }
  Synchronize to;
  to.more = from->more();
  collect(from->pods(), "pod", pod, to.pods, to.problems);
  collect(from->containers(), "container", container, to.containers, to.problems);
  return to;
}

bool is_notice(std::string_view method) {
  return method == kStateChange ||
         std::ranges::find(kMethods, method, &std::pair<std::string_view, Event>::first) !=
             std::end(kMethods);
}

Result<Notice> read_notice(std::string_view method, std::string_view payload) {
  v1::StateChangeEvent from;
  if (method == kStateChange) {
    auto parsed = parse<v1::StateChangeEvent>(payload, method);
    if (!parsed) {
      return std::unexpected(std::move(parsed.error()));
    }
    from = std::move(*parsed);
  } else {
    auto parsed = parse<v1::PodAndContainer>(payload, method);
    if (!parsed) {
      return std::unexpected(std::move(parsed.error()));
    }
    const auto* known =
        std::ranges::find(kMethods, method, &std::pair<std::string_view, Event>::first);
    from.set_event(known == std::end(kMethods) ? 0 : static_cast<std::int32_t>(known->second));
    if (parsed->has_pod()) {
      *from.mutable_pod() = std::move(*parsed->mutable_pod());
    }
    if (parsed->has_container()) {
      *from.mutable_container() = std::move(*parsed->mutable_container());
    }
  }
  Notice to{static_cast<Event>(from.event()), {}, {}};
  if (to.event == Event::remove_container && from.has_container()) {
    return removed(from);
  }
  if (from.has_pod()) {
    auto good = pod(from.pod());
    if (!good) {
      return fail_in("pod " + cri::shown(from.pod().id()), std::move(good.error()));
    }
    to.pod = std::move(*good);
  }
  if (from.has_container()) {
    auto good = container(from.container());
    if (!good) {
      return fail_in("container " + cri::shown(from.container().id()), std::move(good.error()));
    }
    to.container = std::move(*good);
  }
  return to;
}

}  // namespace usher::nri
