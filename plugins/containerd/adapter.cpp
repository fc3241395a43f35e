// containerd.so: containers of containerd's CRI, told over NRI where containerd has it.
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "containerd/identify.hpp"
#include "containerd/install/installer.hpp"
#include "containerd/link.hpp"
#include "containerd/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {
namespace {

namespace fs = std::filesystem;

// Programs and sockets whose presence says that containerd is on this node.
constexpr const char* kTraces[] = {"/run/containerd/containerd.sock", "/usr/bin/containerd",
                                   "/usr/local/bin/containerd", "/etc/containerd/config.toml"};

class Adapter {
 public:
  static constexpr std::string_view kName = "containerd";
  static constexpr std::string_view kVersion = USHER_VERSION;
  static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("containerd")}};

  static void probe(const plugin::Settings& settings) {
    // First, so that a slip of the pen is told on every node.
    const auto options = Options::from(settings);
    InstallOptions::from(settings);
    if (settings.has("nri.socket") || settings.has("cri.socket")) {
      return;  // who names a socket means it
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
    throw plugin::Absent("containerd is not here: there is none of " + looked_for);
  }

  Adapter(plugin::Host host, const plugin::Settings& settings) : host_(host) {
    const auto options = Options::from(settings);
    if (host.loop() != nullptr) {
      link_.emplace(host, options);
    }
  }

  void start() {
    if (link_) {
      link_->start();
    } else {
      host_.set_health(USHER_DEGRADED,
                       "this host offers no loop: neither NRI nor CRI can be asked");
    }
  }
  void stop(plugin::Done stopped) { link_ ? link_->stop(std::move(stopped)) : stopped.ok(); }

  void identify(const plugin::OciState& state, plugin::Answer answer) {
    link_ ? link_->identify(state, std::move(answer)) : answer.is(containerd::identify(state));
  }

  static void plan(const plugin::Settings& settings, plugin::Report& report) {
    plan_containerd(checked(settings), report);
  }
  static void install(const plugin::Settings& settings, plugin::Report& report) {
    install_containerd(checked(settings), report);
  }
  static void verify(const plugin::Settings& settings, plugin::Report& report) {
    verify_containerd(checked(settings), report);
  }
  static void uninstall(const plugin::Settings& settings, plugin::Report& report) {
    uninstall_containerd(checked(settings), report);
  }

 private:
  // One table of the node's configuration serves adapter and installer: all of it must be right.
  static InstallOptions checked(const plugin::Settings& settings) {
    Options::from(settings);
    return InstallOptions::from(settings);
  }

  plugin::Host host_;
  std::optional<Link> link_;  // where the host has a loop
};

}  // namespace
}  // namespace usher::containerd

USHER_ADAPTER(usher::containerd::Adapter)
