#include "kata/guest_records.hpp"

#include <algorithm>
#include <utility>

#include "base/escape.hpp"
#include "cri/lister.hpp"

namespace usher::kata {
namespace {

plugin::Event event_of(std::uint32_t kind, plugin::Identity who) {
  plugin::Event event;
  event.kind = kind;
  event.runtime = "kata";
  event.identity = std::move(who);
  event.identity.guest = true;
  return event;
}

plugin::Flow publish(plugin::Host host, plugin::Event event) {
  co_await host.publish(std::move(event));
}

}  // namespace

// Counts a question that is under way, so that stop waits for its end.
struct GuestRecords::Asking {
  GuestRecords& records;
  std::string container;
  Asking(GuestRecords& of, std::string id) : records(of), container(std::move(id)) {
    records.asking_.insert(container);
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    records.asking_.erase(container);
    records.end_if_idle();
  }
};

GuestRecords::GuestRecords(plugin::Host host, cri::Loop loop, const Options& options,
                           std::function<void()> published)
    : host_(host),
      client_(loop, options.cri_socket, options.cri_deadline),
      published_(std::move(published)) {}

void GuestRecords::ask(const std::string& sandbox, const std::string& container) {
  if (!stopping_ && !asking_.contains(container)) {
    look_up(host_, sandbox, container);
  }
}

plugin::Flow GuestRecords::look_up(plugin::Host host, std::string sandbox, std::string container) {
  const Asking asking(*this, container);
  const auto pod = co_await client_.sandbox(sandbox);
  if (!pod) {
    host.log(USHER_LOG_INFO, pod.error().message);
    co_return;
  }
  const auto containers = co_await client_.containers_of(sandbox);
  if (!containers) {
    host.log(USHER_LOG_INFO, containers.error().message);
    co_return;
  }
  const auto& all = containers->items;
  const auto found = std::ranges::find_if(all, [&](const cri::Container& one) {
    return one.id == container && one.sandbox_id == sandbox && one.created;
  });
  if (found == all.end() || stopping_) {
    co_return;  // none of this sandbox, or one that was started before
  }
  auto own = cri::identity_of(*pod);
  plugin::Identity who;
  who.container_id = found->id;
  who.container_name = found->name;
  who.sandbox_id = sandbox;
  who.image = found->image;
  cri::join(who, *pod);
  co_await host.publish(event_of(USHER_EVENT_SANDBOX_STARTING, std::move(own)));
  sandboxes_.insert(sandbox);
  co_await host.publish(event_of(USHER_EVENT_CONTAINER_STARTING, std::move(who)));
  published_();
}

void GuestRecords::gone(const std::string& sandbox) {
  if (sandboxes_.erase(sandbox) != 0) {
    plugin::Identity who;
    who.sandbox_id = sandbox;
    publish(host_, event_of(USHER_EVENT_SANDBOX_GONE, std::move(who)));
  }
}

void GuestRecords::stop(std::function<void()> stopped) {
  stopping_ = true;
  stopped_ = std::move(stopped);
  client_.close();
  end_if_idle();
}

void GuestRecords::end_if_idle() {
  if (asking_.empty() && stopped_) {
    std::exchange(stopped_, {})();
  }
}

}  // namespace usher::kata
