#include "cri-o/settings.hpp"

#include "cri-o/identify.hpp"

namespace usher::cri_o {

void check_keys(const plugin::Settings& settings) {
  settings.allow_only({"root", "runtime", "hooks_dir", "hook_source", "hook_dir", "socket",
                       "timeout", "fail", "exempt_namespaces", "install", "uninstall_on_stop",
                       "cri.socket", "cri.deadline_ms"});
}

HookOptions HookOptions::from(const plugin::Settings& settings) {
  check_keys(settings);
  HookOptions o;
  o.runtime = settings.text("runtime", o.runtime);
  if (o.runtime != kCriO && o.runtime != kPodman) {
    install::bad_setting("runtime", "must be cri-o or podman");
  }
  o.read(settings);
  o.hooks_dir = settings.text("hooks_dir", o.hooks_dir);
  if (!o.hooks_dir.empty()) {
    install::check_absolute("hooks_dir", o.hooks_dir);
  }
  o.install = settings.boolean("install", o.install);
  o.uninstall_on_stop = settings.boolean("uninstall_on_stop", o.uninstall_on_stop);
  return o;
}

}  // namespace usher::cri_o
