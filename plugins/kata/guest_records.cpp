#include "kata/guest_records.hpp"

#include <utility>

#include "base/escape.hpp"
#include "cri/lister.hpp"

namespace usher::kata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{100};  // between two questions for one sandbox

plugin::Event event_of(std::uint32_t kind, plugin::Identity who) {
  plugin::Event event;
  event.kind = kind;
  event.runtime = "kata";
  event.identity = std::move(who);
  event.identity.guest = true;
  return event;
}

plugin::Event gone_of(const std::string& sandbox, const std::string& container = "") {
  plugin::Identity who;
  who.sandbox_id = sandbox;
  who.container_id = container;
  return event_of(container.empty() ? USHER_EVENT_SANDBOX_GONE : USHER_EVENT_CONTAINER_GONE,
                  std::move(who));
}

plugin::Flow publish(plugin::Host host, plugin::Event event) {
  co_await host.publish(std::move(event));
}

}  // namespace

// A question that is under way, so that no other is asked beside it and stop waits for its end.
struct GuestRecords::Asking {
  GuestRecords& records;
  std::string sandbox;
  Asking(GuestRecords& of, std::string id) : records(of), sandbox(std::move(id)) {
    ++records.asking_;
    records.sandboxes_[sandbox].asking = true;
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    --records.asking_;
    if (const auto at = records.sandboxes_.find(sandbox); at != records.sandboxes_.end()) {
      at->second.asking = false;
      at->second.asked = Clock::now();
    }
    records.end_if_idle();
  }
};

GuestRecords::GuestRecords(plugin::Host host, cri::Loop loop, const Options& options,
                           std::function<void(const std::string& sandbox)> published)
    : host_(host),
      client_(loop, options.cri_socket, options.cri_deadline),
      published_(std::move(published)) {}

void GuestRecords::ask(const std::string& sandbox) {
  const auto at = sandboxes_.find(sandbox);
  const bool is_soon =
      at != sandboxes_.end() && (at->second.asking || Clock::now() - at->second.asked < kPause);
  if (!stopping_ && !is_soon) {
    look_up(host_, sandbox);
  }
}

plugin::Flow GuestRecords::look_up(plugin::Host host, std::string sandbox) {
  const Asking asking(*this, sandbox);
  const auto pod = co_await client_.sandbox(sandbox);
  if (!pod) {
    host.log(USHER_LOG_INFO, pod.error().message);
    co_return;
  }
  const auto listed = co_await client_.containers_of(sandbox);
  if (!listed) {
    host.log(USHER_LOG_INFO, listed.error().message);
    co_return;
  }
  std::map<std::string, const cri::Container*> there;
  for (const auto& one : listed->items) {
    if (one.sandbox_id == sandbox && (one.created || one.running)) {
      there.emplace(one.id, &one);
    }
  }
  // Its sandbox can end while something waits here; then it is not known any more.
  for (const auto& id : known(sandbox)) {
    if (!there.contains(id)) {
      co_await host.publish(gone_of(sandbox, id));
      forget(sandbox, id);
    }
  }
  auto own = cri::identity_of(*pod);
  for (const auto& [id, one] : there) {
    // One that runs was started before, and is none to be claimed.
    if (!one->created || stopping_ || known(sandbox).contains(id)) {
      continue;
    }
    plugin::Identity who;
    who.container_id = id;
    who.container_name = one->name;
    who.sandbox_id = sandbox;
    who.image = one->image;
    cri::join(who, *pod);
    co_await host.publish(event_of(USHER_EVENT_SANDBOX_STARTING, own));
    co_await host.publish(event_of(USHER_EVENT_CONTAINER_STARTING, std::move(who)));
    if (!note(sandbox, id)) {
      co_await host.publish(gone_of(sandbox));
      co_return;
    }
  }
  published_(sandbox);
}

std::set<std::string> GuestRecords::known(const std::string& sandbox) const {
  const auto at = sandboxes_.find(sandbox);
  return at != sandboxes_.end() ? at->second.containers : std::set<std::string>();
}

bool GuestRecords::note(const std::string& sandbox, const std::string& container) {
  const auto at = sandboxes_.find(sandbox);
  if (at != sandboxes_.end()) {
    at->second.published = true;
    at->second.containers.insert(container);
  }
  return at != sandboxes_.end();
}

void GuestRecords::forget(const std::string& sandbox, const std::string& container) {
  if (const auto at = sandboxes_.find(sandbox); at != sandboxes_.end()) {
    at->second.containers.erase(container);
  }
}

void GuestRecords::gone(const std::string& sandbox) {
  const auto ended = sandboxes_.extract(sandbox);
  if (!ended.empty() && ended.mapped().published) {
    publish(host_, gone_of(sandbox));
  }
}

void GuestRecords::stop(std::function<void()> stopped) {
  stopping_ = true;
  stopped_ = std::move(stopped);
  client_.close();
  end_if_idle();
}

void GuestRecords::end_if_idle() {
  if (asking_ == 0 && stopped_) {
    std::exchange(stopped_, {})();
  }
}

}  // namespace usher::kata
