// kata.so: the relay between the agent and the guests of Kata's virtual machines. docs/kata.md.
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kata/guest_records.hpp"
#include "kata/install/installer.hpp"
#include "kata/relay.hpp"
#include "kata/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;

// Programs and configuration whose presence says that Kata is on this node.
constexpr const char* kTraces[] = {
    "/usr/bin/containerd-shim-kata-v2", "/usr/local/bin/containerd-shim-kata-v2",
    "/opt/kata/bin/containerd-shim-kata-v2", "/opt/kata/runtime-rs/bin/containerd-shim-kata-v2",
    "/etc/kata-containers"};

class Adapter {
 public:
  static constexpr std::string_view kName = "kata";
  static constexpr std::string_view kVersion = USHER_VERSION;
  static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("kata")}};

  static void probe(const plugin::Settings& settings) {
    // First, so that a slip of the pen is told on every node.
    const auto options = Options::from(settings);
    InstallOptions::from(settings);
    if (options.named_places || options.vsock) {
      return;  // who says where guests are means it
    }
    std::string looked_for;
    for (const char* trace : kTraces) {
      std::error_code ignored;
      if (fs::exists(options.root / fs::path(trace).relative_path(), ignored)) {
        return;
      }
      looked_for += looked_for.empty() ? "" : ", ";
      looked_for += trace;
    }
    throw plugin::Absent("Kata is not here: there is none of " + looked_for);
  }

  Adapter(plugin::Host host, const plugin::Settings& settings) : host_(host) {
    const auto options = Options::from(settings);
    try {
      const auto kernel = Kernel::here();
      relay_.emplace(host, options,
                     Relay::Bounds{.kernel = kernel,
                                   .own_cgroup = cgroup_of(kernel, ::getpid()).value_or("")});
      if (!options.cri_socket.empty()) {
        records_.emplace(host, cri::Loop(host.loop(), host.context()), options,
                         [this](const auto& sandbox) { relay_->hurry(sandbox); });
        relay_->ask_elsewhere([this](const auto& sandbox) { records_->ask(sandbox); });
        relay_->tell_gone([this](const auto& sandbox) { records_->gone(sandbox); });
      }
    } catch (const plugin::Failure& failure) {
      why_not_ = failure.what();
    }
  }

  void start() {
    if (!relay_) {
      return host_.set_health(USHER_DEGRADED,
                              "no guest is heard, and none of Kata's containers "
                              "with a guest hook starts: " +
                                  why_not_);
    }
    relay_->start();
  }
  void stop(plugin::Done stopped) {
    if (relay_) {
      relay_->stop();
    }
    stopped_ = std::make_unique<plugin::Done>(std::move(stopped));
    const auto ended = [this] { std::exchange(stopped_, nullptr)->ok(); };
    records_ ? records_->stop(ended) : ended();
  }

  static void plan(const plugin::Settings& settings, plugin::Report& report) {
    plan_kata(InstallOptions::from(settings), report);
  }
  static void install(const plugin::Settings& settings, plugin::Report& report) {
    install_kata(InstallOptions::from(settings), report);
  }
  static void verify(const plugin::Settings& settings, plugin::Report& report) {
    verify_kata(InstallOptions::from(settings), report);
  }
  static void uninstall(const plugin::Settings& settings, plugin::Report& report) {
    uninstall_kata(InstallOptions::from(settings), report);
  }

  void guest_container(std::uint32_t kind, const plugin::Identity& identity) {
    host_.guard([&] {
      if (relay_) {
        relay_->container(kind, identity);
      }
    });
  }
  void guest_policies(std::string_view sandbox, const plugin::GuestPolicies& policies) {
    host_.guard([&] {
      if (relay_) {
        relay_->policies(sandbox, policies);
      }
    });
  }

 private:
  plugin::Host host_;
  std::optional<Relay> relay_;  // where the host has what it needs
  std::optional<GuestRecords> records_;
  std::unique_ptr<plugin::Done> stopped_;
  std::string why_not_;
};

}  // namespace
}  // namespace usher::kata

USHER_ADAPTER(usher::kata::Adapter)
