// What NRI tells of pods: their records, the containers that their sandboxes are, and whose
// processes are another kernel's.
#include <bit>
#include <utility>

#include "base/escape.hpp"
#include "containerd/feed.hpp"
#include "containerd/identify.hpp"
#include "containerd/install/kata.hpp"
#include "cri/lister.hpp"

namespace usher::containerd {
namespace {

// What the agent keeps of an adapter; of a pod beyond it CRI is asked.
constexpr std::size_t kMaxPods = 4096;

// Of the sandbox's own container.
plugin::Event event_of(std::uint32_t kind, const nri::Pod& pod) {
  plugin::Event event{.kind = kind,
                      .runtime = std::string(kContainerd),
                      .identity = cri::identity_of(pod, kNriSource),
                      .pid = pod.pid};
  if (pod.pid == 0) {
    event.cgroup_path = pod.cgroup_path;
  }
  return event;
}

// Of a guest's container: where it is says nothing.
plugin::Event event_of(std::uint32_t kind, const nri::Pod& pod, const nri::Container& container) {
  plugin::Event event{
      .kind = kind, .runtime = std::string(kContainerd), .identity = identity_of(pod, container)};
  event.identity.guest = true;
  return event;
}

}  // namespace

// Empty: it is not.
std::string Feed::why_kata(const cri::Sandbox& pod) const {
  const auto& handler = pod.runtime_handler;
  const auto& runtime = handlers_.runtime_of(handler);
  if (is_among(options_.kata_handlers, handler) || is_among(options_.kata_handlers, runtime)) {
    return "is one of kata_handlers";
  }
  const auto type = handlers_.type_of(handler);
  if (!containerd::is_kata(runtime, type)) {
    return "";
  }
  return type.empty() ? "is called so, and containerd did not say what it is"
                      : "is of type " + escape(type);
}

bool Feed::takes_guests() const {
  constexpr std::uint32_t kSince = 2;  // plugin.h: USHER_IDENTITY_GUEST
  return host_.minor() >= kSince;
}

// A container of a guest is claimed by its guest's hook while it is created: it must be known then.
void Feed::made_for_guest(const nri::Pod& pod, const nri::Container& container) {
  if (takes_guests() && is_kata(pod)) {
    tell(event_of(USHER_EVENT_CONTAINER_STARTING, pod, container));
  }
}

void Feed::runs_in_guest(const nri::Pod& pod, const nri::Container& container) {
  if (takes_guests()) {
    tell(event_of(USHER_EVENT_CONTAINER_RUNNING, pod, container));
  }
}

// What no kernel of this node sees is told.
bool Feed::passes_as_kata(const nri::Pod& pod, const std::string& container) {
  const auto why = why_kata(pod);
  if (why.empty()) {
    return false;
  }
  if (kata_.size() >= kMaxPods && !kata_.contains(pod.runtime_handler)) {
    return true;
  }
  const auto passed = ++kata_[pod.runtime_handler];
  if (std::has_single_bit(passed)) {
    host_.log(USHER_LOG_WARNING,
              "container " + escape(container) +
                  (takes_guests() ? " is a guest's, for the adapter kata to ask for"
                                  : " passes without policy") +
                  ": its runtime handler \"" + escape(pod.runtime_handler) + "\" " + why +
                  ", so its processes are taken for another kernel's (" + std::to_string(passed) +
                  " of this handler so far)");
  }
  return true;
}

void Feed::sandbox(nri::Pod pod) {
  if (!pod.labels_problem.empty()) {
    host_.log(USHER_LOG_WARNING, "labels of the pod " + escape(pod.pod_namespace) + "/" +
                                     escape(pod.pod_name) +
                                     " are not known: " + pod.labels_problem);
  }
  plugin::Event event{.kind = USHER_EVENT_SANDBOX_STARTING,
                      .runtime = std::string(kContainerd),
                      .identity = cri::identity_of(pod, kNriSource)};
  event.identity.guest = takes_guests() && is_kata(pod);
  outbox_.put(std::move(event));
  if (pods_.size() < kMaxPods) {
    auto id = pod.id;
    pods_.insert_or_assign(std::move(id), std::move(pod));
  }
}

bool Feed::has_pause(const nri::Pod& pod) const {
  return (pod.pid != 0 || !pod.cgroup_path.empty()) && !is_kata(pod);
}

// The base runtime spec is not the sandbox's, so NRI is all that tells of it. containerd 1 asks
// before its process starts and takes an answer; later ones ask when it runs and would not end it.
void Feed::pause(const nri::Pod& pod, nri::Reply reply) {
  if (!has_pause(pod)) {
    return reply.ok();
  }
  if (pause_waits_) {
    gate(host_, event_of(USHER_EVENT_CONTAINER_STARTING, pod), std::move(reply));
  } else {
    pause_runs(pod);
    reply.ok();
  }
}

void Feed::pause_runs(const nri::Pod& pod) {
  if (has_pause(pod)) {
    tell(event_of(USHER_EVENT_CONTAINER_RUNNING, pod));
  }
}

}  // namespace usher::containerd
