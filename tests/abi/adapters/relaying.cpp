// Relays for guests: publishes one and the processes of its virtual machine, claims what it is told
// of, and logs what it hears. With "misuse" it breaks each rule of usher.guests/1 once instead.
#include <thread>

#include "usher/plugin.hpp"

namespace {

namespace plugin = usher::plugin;

plugin::Identity guest() {
  plugin::Identity who;
  who.pod_namespace = "payments";
  who.container_id = "c1";
  who.sandbox_id = "s1";
  who.pod_labels = {{"app", "api"}};
  who.guest = true;
  return who;
}

class Relaying {
 public:
  static constexpr std::string_view kName = "relaying";
  static constexpr std::string_view kVersion = "1";
  static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("relay")}};
  static void probe(const plugin::Settings&) {}

  Relaying(plugin::Host host, const plugin::Settings& settings) : host_(host), guests_(host) {
    settings.allow_only({"misuse"});
    misuse_ = settings.boolean("misuse", false);
  }
  ~Relaying() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  void start() {
    if (misuse_) {
      return misuse();
    }
    // No gate: without `done`.
    raw(USHER_EVENT_CONTAINER_STARTING, guest(), 77, "/not/read");
    plugin::Identity monitor;
    monitor.container_id = "s1";
    monitor.host_root = true;
    raw(USHER_EVENT_CONTAINER_RUNNING, monitor, 42, "");
    try {
      raw(USHER_EVENT_CONTAINER_RUNNING, monitor, 0, "/a");
    } catch (const plugin::Failure& failure) {
      say(failure.what());
    }
    try {
      monitor.guest = true;
      raw(USHER_EVENT_CONTAINER_RUNNING, monitor, 42, "");
    } catch (const plugin::Failure& failure) {
      say(failure.what());
    }
    guests_.session(
        {.sandbox_id = "s1", .backend = "lsm", .trouble = "none", .enforces = 1, .applied = 3});
    guests_.report("s1", "c1", USHER_GUEST_RUNNING);
    guests_.told("s1", "an event");
    guests_.warn(USHER_LOG_WARNING, "s1", "c1", "guest-missing", "no hook");
    guests_.no_session("s1");
  }

  void guest_container(std::uint32_t kind, const plugin::Identity& who) {
    say("told " + std::to_string(kind) + " " + who.container_id + (who.guest ? " guest " : " ") +
        who.pod_labels.at("app"));
    for (const char* id : {"c1", "c2"}) {
      guests_.claim({.sandbox_id = who.sandbox_id, .container_id = id, .backend = "none"},
                    [this](const plugin::GuestGrant* grant, const plugin::Failure* why) {
                      if (grant == nullptr) {
                        return say("refused: " + std::string(why->what()) + " " +
                                   std::to_string(why->code()));
                      }
                      say("granted " + grant->identity.container_id + " of " + grant->runtime +
                          " " + std::to_string(grant->policies.generation) + " " +
                          grant->policies.items.at(0).name + "=" +
                          grant->policies.items.at(0).text);
                    });
    }
  }
  void guest_policies(std::string_view sandbox_id, const plugin::GuestPolicies& policies) {
    say("policies " + std::string(sandbox_id) + " " + std::to_string(policies.generation) + " " +
        std::to_string(policies.items.size()));
  }

 private:
  void say(const std::string& line) const { host_.log(USHER_LOG_INFO, line); }
  void raw(std::uint32_t kind, const plugin::Identity& who, std::int64_t pid,
           std::string_view cgroup) const {
    const plugin::detail::RawIdentity identity(who);
    host_.publish(usher_event{sizeof(usher_event), kind, plugin::raw("relay"), identity.get(),
                              plugin::raw(cgroup), pid});
  }
  void misuse() {
    const auto refused = [this](const plugin::GuestClaim& claim) {
      try {
        guests_.claim(claim, [this](const plugin::GuestGrant*, const plugin::Failure*) {
          say("a claim was answered that should not be taken");
        });
      } catch (const plugin::Failure& failure) {
        say(failure.what());
      }
    };
    refused({.sandbox_id = "", .container_id = "c1", .backend = "lsm"});
    refused({.sandbox_id = "s1", .container_id = std::string(256, 'x'), .backend = "lsm"});
    refused({.sandbox_id = "s1", .container_id = "c1", .backend = "two words"});
    refused({.sandbox_id = "s1", .container_id = "c1", .backend = "lsm", .enforces = 1U << 20});
    guests_.report("s1", "c1", 9);
    guests_.told("s1", std::string(70'000, 'x'));
    guests_.warn(17, "s1", "", "type", "message");
    guests_.warn(USHER_LOG_ERROR, "s1", "", "A Type", "message");
    guests_.session({.sandbox_id = "s1", .backend = ""});
    thread_ = std::thread([this] { guests_.no_session("s1"); });
  }

  plugin::Host host_;
  plugin::Guests guests_;
  bool misuse_ = false;
  std::thread thread_;
};

}  // namespace

USHER_ADAPTER(Relaying)
