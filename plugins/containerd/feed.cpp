#include "containerd/feed.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "base/escape.hpp"
#include "containerd/identify.hpp"
#include "containerd/listed_labels.hpp"

namespace usher::containerd {
namespace {

using nri::Event;

// Of one list, however many parts it has: what the outbox holds.
constexpr std::size_t kMaxListed = Outbox::kMaxWaiting;
// Lines of one list about containers without a pod.
constexpr std::size_t kMaxStrays = 16;

plugin::Event event_of(std::uint32_t kind, plugin::Identity who = {}) {
  return {.kind = kind, .runtime = std::string(kContainerd), .identity = std::move(who)};
}

// The pid says more than the path: runtimes put a container into a cgroup below the one that they
// were asked for.
plugin::Event event_of(std::uint32_t kind, const nri::Pod& pod, const nri::Container& container) {
  auto event = event_of(kind, identity_of(pod, container));
  event.pid = container.pid;
  if (container.pid == 0) {
    event.cgroup_path = container.cgroup_path;
  }
  return event;
}

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

}  // namespace

Feed::Feed(plugin::Host host, cri::Loop loop, Options options)
    : host_(host),
      options_(std::move(options)),
      outbox_(host, loop),
      hooks_(options_.mode, options_.fails_open) {}

void Feed::stop() {
  outbox_.stop();
}

const nri::Pod* Feed::pod(const std::string& sandbox) const {
  const auto at = pods_.find(sandbox);
  return at == pods_.end() ? nullptr : &at->second;
}

Result<std::int32_t> Feed::configure(const nri::Configure& runtime) {
  parts_ = {};
  if (runtime.runtime_name != kContainerd) {
    return fail("the NRI socket is that of \"" + runtime.runtime_name +
                "\", not containerd's: other runtimes start a container whatever a plugin "
                "answers; on CRI-O use the adapter cri-o, or set nri.socket");
  }
  // "1.7.24~ds1" as Debian builds it, "v1.7.24" as its makers do.
  const std::string_view version = runtime.runtime_version;
  pause_waits_ = version.substr(version.starts_with('v') ? 1 : 0).starts_with("1.");
  auto events = nri::bit(Event::run_pod_sandbox) | nri::bit(Event::remove_pod_sandbox) |
                nri::bit(Event::start_container) | nri::bit(Event::post_start_container) |
                nri::bit(Event::remove_container);
  if (options_.mode == Mode::inject || takes_guests()) {
    events |= nri::bit(Event::create_container);
  }
  static_assert(nri::bit(Event::remove_container) <= nri::kOldestEvents);
  return events;
}

Result<> Feed::synchronize(nri::Synchronize part) {
  const auto records = [](const nri::Synchronize& of) {
    return of.pods.size() + of.containers.size();
  };
  if (records(parts_) + records(part) > kMaxListed) {
    parts_ = {};
    return fail("it has more than " + std::to_string(kMaxListed) +
                    " pods and containers, which no node has: restart the runtime",
                ENOBUFS);
  }
  append(parts_.pods, part.pods);
  append(parts_.containers, part.containers);
  if (!part.more) {
    list();
  }
  return {};
}

// In a list the pod's record comes first: the agent joins the two. A copy of the pod's labels in
// each of its containers is what a pod's author could fill the agent's memory with.
void Feed::tell(plugin::Event event) {
  if (listing_) {
    event.identity.pod_labels.clear();
    event.identity.labels_known = false;
    event.identity.labels_source.clear();
  }
  outbox_.put(std::move(event));
}

void Feed::list() {
  if (before_list) {
    before_list();
  }
  outbox_.clear();  // of a list before, which this one replaces
  pods_.clear();
  hooks_.begin();
  if (hook_problem) {
    hook_problem({});
  }
  auto whole = std::exchange(parts_, {});
  bound_labels(whole.pods);
  listing_ = true;
  outbox_.put(event_of(USHER_EVENT_LISTING));
  std::map<std::string_view, const nri::Pod*> found;
  for (const auto& pod : whole.pods) {
    found.emplace(pod.id, &pod);
    sandbox(pod);
    pause_runs(pod);
  }
  std::size_t strays = 0;
  for (const auto& container : whole.containers) {
    const auto pod = found.find(container.sandbox_id);
    using State = nri::Container::State;
    if (container.state != State::running && container.state != State::paused) {
      hooks_.made_before(container.id);
      if (container.state != State::stopped && pod != found.end()) {
        made_for_guest(*pod->second, container);
      }
    } else if (pod != found.end()) {
      running(*pod->second, container);
    } else if (++strays <= kMaxStrays) {
      host_.log(USHER_LOG_WARNING, "container " + escape(container.id) +
                                       " runs, but its pod's record " +
                                       escape(container.sandbox_id) +
                                       " is not in the runtime's list or cannot be read: it is not "
                                       "adopted by this list");
    }
  }
  if (strays > kMaxStrays) {
    host_.log(USHER_LOG_WARNING, std::to_string(strays) + " containers of the list have no pod");
  }
  listing_ = false;
  outbox_.put(event_of(USHER_EVENT_SYNCED));
}

void Feed::running(const nri::Pod& pod, const nri::Container& container) {
  if (passes_as_kata(pod, container.id)) {
    runs_in_guest(pod, container);
  } else if (container.pid != 0 || !container.cgroup_path.empty()) {
    tell(event_of(USHER_EVENT_CONTAINER_RUNNING, pod, container));
  }
}

void Feed::gone(std::uint32_t kind, const nri::Notice& notice) {
  plugin::Identity who;
  who.sandbox_id = notice.pod->id;
  if (kind == USHER_EVENT_CONTAINER_GONE) {
    who.container_id = notice.container->id;
    hooks_.gone(who.container_id);
  } else {
    pods_.erase(who.sandbox_id);
  }
  outbox_.put(event_of(kind, std::move(who)));
}

void Feed::notice(nri::Notice notice, nri::Reply reply) {
  const bool of_container =
      notice.event != Event::run_pod_sandbox && notice.event != Event::remove_pod_sandbox;
  if (!notice.pod || (of_container && !notice.container)) {
    if (notice.event == Event::start_container) {
      return reply.fail(nri::Code::invalid_argument,
                        "NRI's StartContainer names no pod, or no container: nobody can say "
                        "whose start it is; see what other NRI plugins this node has");
    }
    return reply.ok();  // nothing that we asked for
  }
  switch (notice.event) {
    case Event::run_pod_sandbox:
      sandbox(*notice.pod);
      return pause(*notice.pod, std::move(reply));
    case Event::remove_pod_sandbox:
      gone(USHER_EVENT_SANDBOX_GONE, notice);
      break;
    case Event::create_container:
      made_for_guest(*notice.pod, *notice.container);
      if (options_.mode == Mode::inject && !is_kata(*notice.pod)) {
        if (const auto problem = options_.program_problem(); !problem.empty()) {
          return reply.fail(nri::Code::failed_precondition, "usher: " + problem);
        }
        return reply.ok(nri::write_adjustment(options_.injected));
      }
      break;
    case Event::start_container:
      return starting(notice, std::move(reply));
    case Event::post_start_container:
      // One that began to start before we were there to let it, or was restored and never execs.
      if (is_kata(*notice.pod)) {
        runs_in_guest(*notice.pod, *notice.container);
      } else {
        running(*notice.pod, *notice.container);
      }
      break;
    case Event::remove_container:
      gone(USHER_EVENT_CONTAINER_GONE, notice);
      break;
    default:
      break;
  }
  reply.ok();
}

void Feed::starting(const nri::Notice& notice, nri::Reply reply) {
  const auto& container = *notice.container;
  if (passes_as_kata(*notice.pod, container.id)) {
    return reply.ok();  // its processes are another kernel's
  }
  if (container.sandbox_id != notice.pod->id) {
    return reply.fail(nri::Code::invalid_argument,
                      "container " + escape(container.id) + " is of another sandbox than its pod");
  }
  if (container.pid == 0 && container.cgroup_path.empty()) {
    return reply.fail(nri::Code::failed_precondition,
                      "neither a process nor a cgroup of container " + escape(container.id) +
                          " is known: it cannot be covered by policy");
  }
  watch_hook(*notice.pod, container.id);
  gate(host_, event_of(USHER_EVENT_CONTAINER_STARTING, *notice.pod, container), std::move(reply));
}

// The container is still policed by the gate that follows: it is the next one that may find no
// agent.
void Feed::watch_hook(const nri::Pod& pod, const std::string& container) {
  const auto before = hooks_.missed();
  const bool changed = hooks_.starting(pod.runtime_handler, container);
  if (hooks_.missed() != before && std::has_single_bit(hooks_.missed())) {
    host_.log(USHER_LOG_WARNING, "container " + escape(container) + " " + hooks_.problem() + " (" +
                                     std::to_string(hooks_.missed()) + " such starts so far)");
  }
  if (changed && hook_problem) {
    hook_problem(hooks_.problem());
  }
}

plugin::Flow Feed::gate(plugin::Host host, plugin::Event event, nri::Reply reply) {
  try {
    auto publication = host.publish(std::move(event));
    co_await publication;
    reply.ok();
  } catch (const plugin::Failure& failure) {
    reply.fail(nri::Code::failed_precondition, std::string("usher: ") + failure.what());
  }
}

}  // namespace usher::containerd
