// containerd's installer behind usher.install/1 and nothing else, for tests of it through usherctl.
#include "containerd/install/installer.hpp"
#include "usher/plugin.hpp"

namespace {

using usher::containerd::InstallOptions;
namespace plugin = usher::plugin;

class Adapter {
 public:
  static constexpr std::string_view kName = "containerd";
  static constexpr std::string_view kVersion = USHER_VERSION;
  static constexpr usher_string kRuntimes[] = {{USHER_LITERAL("containerd")}};

  static void probe(const plugin::Settings& /*settings*/) {}
  Adapter(plugin::Host /*host*/, const plugin::Settings& /*settings*/) {}

  static void plan(const plugin::Settings& settings, plugin::Report& report) {
    usher::containerd::plan_containerd(InstallOptions::from(settings), report);
  }
  static void install(const plugin::Settings& settings, plugin::Report& report) {
    usher::containerd::install_containerd(InstallOptions::from(settings), report);
  }
  static void verify(const plugin::Settings& settings, plugin::Report& report) {
    usher::containerd::verify_containerd(InstallOptions::from(settings), report);
  }
  static void uninstall(const plugin::Settings& settings, plugin::Report& report) {
    usher::containerd::uninstall_containerd(InstallOptions::from(settings), report);
  }
};

}  // namespace

USHER_ADAPTER(Adapter)
