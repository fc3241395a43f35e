#include "guest/guest_host.hpp"

#include <fmt/format.h>

#include "base/escape.hpp"

namespace usher::guest {

Result<> GuestHost::start() {
  session_->start();
  return {};
}

asio::awaitable<Result<identity::Identity>> GuestHost::identify(
    std::string runtime, identity::OciState state, std::string /*raw_state*/,
    std::chrono::milliseconds deadline) {
  if (runtime != kRuntime) {
    co_return fail(
        fmt::format("this usherd is a guest's, whose hooks name the runtime \"{}\", not "
                    "\"{}\"; mend the hook's configuration in the guest",
                    kRuntime, escape(runtime)));
  }
  auto granted = co_await session_->claim(state.id, deadline);
  if (!granted) {
    co_return std::unexpected(granted.error());
  }
  if (!granted->runtime.empty()) {
    if (runtimes_.size() >= Claims::kMost) {
      runtimes_.clear();  // of containers that did not come to their enrolment
    }
    runtimes_[granted->who.container_id] = std::move(granted->runtime);
  }
  co_return std::move(granted->who);
}

std::string GuestHost::runtime_of(const identity::Identity& who, const std::string& named) {
  const auto known = runtimes_.extract(who.container_id);
  return known.empty() ? named : known.mapped();
}

std::vector<adapter::AdapterInfo> GuestHost::adapters() const {
  adapter::AdapterInfo info{};
  info.name = "guest-relay";
  info.version = USHER_VERSION;
  info.state = adapter::AdapterInfo::State::running;
  info.runtimes = {std::string(kRuntime)};
  info.selection = "this usherd is a guest's (--guest)";
  info.health = session_->open() ? "healthy" : "unhealthy";
  info.reason = session_->open() ? fmt::format("policies of generation {}", session_->generation())
                                 : "no session with the host's relay: " + session_->problem();
  info.counters["events_dropped"] = session_->dropped();
  return {std::move(info)};
}

asio::awaitable<void> GuestHost::stop(std::chrono::milliseconds /*deadline*/) {
  session_->stop();
  co_return;
}

}  // namespace usher::guest
