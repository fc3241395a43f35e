// What an operator can choose in [adapters.cri-o], or on the command line of `usherctl runtime`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "usher/plugin.hpp"

namespace usher::cri_o {

class SeenFiles;

// Refuses a key that neither the adapter nor its installer knows. Both take each other's: one table
// of the node's configuration serves both.
void check_keys(const plugin::Settings& settings);

// The installer's, and when the adapter itself calls it.
struct HookOptions {
  std::string root = "/";
  std::string runtime = "cri-o";  // cri-o or podman
  std::string hooks_dir;          // empty: as the runtime's configuration says
  std::string hook_source = "/usr/libexec/usher/usher-hook";
  // The program lies there as usher-hook-VERSION; /usr may be read-only.
  std::string hook_dir = "/opt/usher/bin";
  std::string socket = "/run/usher/hook.sock";
  std::int64_t timeout_ms = 5000;
  std::string fail = "closed";
  std::vector<std::string> exempt_namespaces;  // empty: usher-hook's own default
  bool install = false;                        // by the adapter at its start, and kept in place
  bool uninstall_on_stop = false;              // otherwise no agent means no start: fail closed
  // No setting: false where the agent's loop waits, which stands still meanwhile.
  bool may_wait = true;
  // No setting: what the caller learnt of files in earlier calls. Null: everything is read anew.
  std::shared_ptr<SeenFiles> seen;

  // Throws plugin::Failure that names the setting.
  static HookOptions from(const plugin::Settings& settings);
};

}  // namespace usher::cri_o
