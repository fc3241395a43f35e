// cri-o.so: containers of CRI-O and podman, whose OCI hooks come from a hooks directory.
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "cri-o/identify.hpp"
#include "cri-o/installer.hpp"
#include "cri-o/keeper.hpp"
#include "cri-o/pod_records.hpp"
#include "cri-o/settings.hpp"
#include "cri-o/standing.hpp"
#include "usher/plugin.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;

// Programs and sockets whose presence says that a runtime is on this node.
constexpr const char* kTraces[] = {"/run/crio/crio.sock", "/usr/bin/crio",
                                   "/usr/local/bin/crio", "/etc/crio/crio.conf",
                                   "/usr/bin/podman",     "/usr/local/bin/podman"};

class Adapter {
 public:
  static constexpr std::string_view kName = "cri-o";
  static constexpr std::string_view kVersion = USHER_VERSION;
  static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("cri-o")}, {USHER_LITERAL("podman")}};

  static void probe(const plugin::Settings& settings) {
    // First, so that a slip of the pen is told on every node.
    HookOptions::from(settings);
    PodRecords::check(settings);
    const fs::path root = settings.text("root", "/");
    std::string looked_for;
    for (const char* trace : kTraces) {
      std::error_code ignored;
      if (fs::exists(root / fs::path(trace).relative_path(), ignored)) {
        return;
      }
      looked_for += looked_for.empty() ? "" : ", ";
      looked_for += trace;
    }
    throw plugin::Absent("neither CRI-O nor podman is here: there is none of " + looked_for);
  }

  Adapter(plugin::Host host, const plugin::Settings& settings)
      : standing_(host), records_(host, settings, [this](auto health, const std::string& sentence) {
          standing_.records(health, sentence);
        }) {
    if (auto options = HookOptions::from(settings); options.install) {
      keeper_.emplace(host, std::move(options), [this](auto health, const std::string& sentence) {
        standing_.hook(health, sentence);
      });
    }
  }

  void start() {
    records_.start();
    if (keeper_) {
      keeper_->start();
    }
  }
  void stop(plugin::Done stopped) {
    if (keeper_) {
      keeper_->stop();
    }
    records_.stop(std::move(stopped));
  }

  void identify(const plugin::OciState& state, plugin::Answer answer) {
    if (state.runtime == kPodman) {
      answer.is(identify_podman(state));
    } else {
      records_.answer(identify_cri_o(state), std::move(answer));
    }
  }

  static void plan(const plugin::Settings& settings, plugin::Report& report) {
    plan_hooks(HookOptions::from(settings), report);
  }
  static void install(const plugin::Settings& settings, plugin::Report& report) {
    install_hooks(HookOptions::from(settings), report);
  }
  static void verify(const plugin::Settings& settings, plugin::Report& report) {
    verify_hooks(HookOptions::from(settings), report);
  }
  static void uninstall(const plugin::Settings& settings, plugin::Report& report) {
    uninstall_hooks(HookOptions::from(settings), report);
  }

 private:
  Standing standing_;
  PodRecords records_;
  std::optional<Keeper> keeper_;  // where install = true
};

}  // namespace
}  // namespace usher::cri_o

USHER_ADAPTER(usher::cri_o::Adapter)
