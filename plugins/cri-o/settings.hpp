// What an operator can choose in [adapters.cri-o], or on the command line of `usherctl runtime`.
#pragma once

#include <string>

#include "install/options.hpp"
#include "usher/plugin.hpp"

namespace usher::cri_o {

// Refuses a key that neither the adapter nor its installer knows. Both take each other's: one table
// of the node's configuration serves both.
void check_keys(const plugin::Settings& settings);

// The installer's, and when the adapter itself calls it. `runtime` is cri-o or podman.
struct HookOptions : install::Options {
  std::string hooks_dir;           // empty: as the runtime's configuration says
  bool install = false;            // by the adapter at its start, and kept in place
  bool uninstall_on_stop = false;  // otherwise no agent means no start: fail closed

  HookOptions() { runtime = "cri-o"; }
  // Throws plugin::Failure that names the setting.
  static HookOptions from(const plugin::Settings& settings);
};

}  // namespace usher::cri_o
