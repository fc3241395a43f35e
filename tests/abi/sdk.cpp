// The SDK alone: the smallest adapter there is in one file, and one that uses all of it.
#include "usher/plugin.hpp"

namespace {

namespace plugin = usher::plugin;

class Whole {
 public:
  static constexpr std::string_view kName = "whole";
  static constexpr std::string_view kVersion = "1";
  static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("whole")}};
  static void probe(const plugin::Settings&) {}
  Whole(plugin::Host host, const plugin::Settings&) : host_(host) {}

  void start() {
    feed(host_);
    timer_ = plugin::Timer(host_, std::chrono::seconds(1), [this] { feed(host_); });
  }
  void stop(plugin::Done stopped) {
    timer_ = {};
    stopped.ok();
  }
  void identify(const plugin::OciState& state, plugin::Answer answer) {
    plugin::Identity who;
    who.container_id = state.id;
    answer.is(who);
  }
  void guest_container(std::uint32_t kind, const plugin::Identity& who) {
    if (kind == USHER_EVENT_CONTAINER_STARTING && who.guest) {
      plugin::Guests(host_).claim(
          {.sandbox_id = who.sandbox_id, .container_id = who.container_id, .backend = "none"},
          [](const plugin::GuestGrant*, const plugin::Failure*) {});
    }
  }
  void guest_policies(std::string_view sandbox_id, const plugin::GuestPolicies& policies) {
    plugin::Guests(host_).session({.sandbox_id = sandbox_id, .applied = policies.generation});
  }

 private:
  plugin::Flow feed(plugin::Host host) {
    co_await host.publish({.kind = USHER_EVENT_LISTING, .runtime = "whole"});
    co_await host.publish({.kind = USHER_EVENT_SYNCED, .runtime = "whole"});
  }
  plugin::Host host_;
  plugin::Timer timer_;
};

}  // namespace

USHER_ADAPTER(Whole)
