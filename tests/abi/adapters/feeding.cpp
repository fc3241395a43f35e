// A feed on the SDK's coroutines: a list, a gate that it waits for, and one more event. Says what
// became of each.
#include "usher/plugin.hpp"

namespace {

namespace plugin = usher::plugin;

class Feeding {
 public:
  static constexpr std::string_view kName = "feeding";
  static constexpr std::string_view kVersion = "1";
  static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("feeding")}};

  static void probe(const plugin::Settings& settings) { settings.allow_only({"throw"}); }
  Feeding(plugin::Host host, const plugin::Settings& settings)
      : host_(host), throws_(settings.boolean("throw", false)) {}

  void start() {
    feed(host_);
    timer_ = plugin::Timer(host_, std::chrono::nanoseconds(1), [this] {
      host_.log(USHER_LOG_INFO, "the timer went off");
      if (throws_) {
        throw std::runtime_error("thrown by a callback");
      }
    });
  }

 private:
  plugin::Event about(std::uint32_t kind, const char* id) {
    plugin::Event event{.kind = kind, .runtime = "feeding"};
    event.identity.container_id = id;
    event.pid = 42;
    return event;
  }
  plugin::Flow feed(plugin::Host host) {
    co_await host.publish({.kind = USHER_EVENT_LISTING, .runtime = "feeding"});
    co_await host.publish(about(USHER_EVENT_CONTAINER_RUNNING, "c1"));
    co_await host.publish({.kind = USHER_EVENT_SYNCED, .runtime = "feeding"});
    try {
      co_await host.publish(about(USHER_EVENT_CONTAINER_STARTING, "c2"));
      host.log(USHER_LOG_INFO, "c2 may run");
    } catch (const plugin::Failure& refused) {
      host.log(USHER_LOG_INFO, std::string("c2 must not run: ") + refused.what());
    }
    if (throws_) {
      throw std::runtime_error("thrown by the feed");
    }
    co_await host.publish(about(4000, "c3"));  // refused at once: the host knows no such kind
  }

  plugin::Host host_;
  bool throws_;
  plugin::Timer timer_;
};

}  // namespace

USHER_ADAPTER(Feeding)
