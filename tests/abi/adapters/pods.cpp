// Stands for an adapter that is told of every sandbox by its runtime: it announces one, which its
// settings describe, and says of a container what the container's keys say.
#include "usher/plugin.hpp"

namespace {

namespace plugin = usher::plugin;

class Pods {
 public:
  static constexpr std::string_view kName = "pods";
  static constexpr std::string_view kVersion = "1";
  static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("pods")}};

  static void probe(const plugin::Settings& settings) {
    settings.allow_only({"sandbox", "namespace", "pod", "uid", "app"});
    if (!settings.has("sandbox")) {
      throw plugin::Absent("no sandbox is configured");
    }
  }
  Pods(plugin::Host host, const plugin::Settings& settings) : host_(host) {
    settings.allow_only({"sandbox", "namespace", "pod", "uid", "app"});
    sandbox_.sandbox_id = settings.text("sandbox", "");
    sandbox_.pod_namespace = settings.text("namespace", "");
    sandbox_.pod_name = settings.text("pod", "");
    sandbox_.pod_uid = settings.text("uid", "");
    sandbox_.pod_labels = {{"app", settings.text("app", "")}};
    sandbox_.labels_known = true;
    sandbox_.is_sandbox = true;
    sandbox_.identity_source = sandbox_.labels_source = "the feed of the tests";
  }

  void start() { feed(host_, sandbox_); }

  void identify(const plugin::OciState& state, plugin::Answer answer) {
    const auto key = [&](std::string_view name) {
      return std::string(state.annotation(name).value_or(""));
    };
    plugin::Identity who;
    who.container_id = state.id;
    who.pod_namespace = key("io.kubernetes.pod.namespace");
    who.pod_name = key("io.kubernetes.pod.name");
    who.pod_uid = key("io.kubernetes.pod.uid");
    who.container_name = key("io.kubernetes.container.name");
    who.sandbox_id = key("io.kubernetes.cri-o.SandboxID");
    who.identity_source = "the container's keys";
    answer.is(who);
  }

 private:
  static plugin::Flow feed(plugin::Host host, plugin::Identity sandbox) {
    co_await host.publish({.kind = USHER_EVENT_LISTING, .runtime = "pods"});
    if (!sandbox.sandbox_id.empty()) {
      co_await host.publish({.kind = USHER_EVENT_SANDBOX_STARTING,
                             .runtime = "pods",
                             .identity = std::move(sandbox)});
    }
    co_await host.publish({.kind = USHER_EVENT_SYNCED, .runtime = "pods"});
  }

  plugin::Host host_;
  plugin::Identity sandbox_;
};

}  // namespace

USHER_ADAPTER(Pods)
