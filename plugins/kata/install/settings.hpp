// What `usherctl runtime … kata` lets an operator choose.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "install/options.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {

struct InstallOptions : install::Options {
  InstallOptions() { runtime = "kata"; }

  std::uint32_t port = 0;                    // that the relay listens on
  std::string ship_dir = "/opt/usher/kata";  // what goes into the guest, on the node
  // guest_hook_path: where ship_dir's hooks/ is, as the guest sees it. Empty: by `bind`.
  std::string guest_path;
  // ship_dir is mounted into the guest (sandbox_bind_mounts); else it is part of the image.
  bool bind = false;
  std::string agent;               // the guest's agent's socket; empty: the guest has none
  std::string hypervisor;          // whose table; empty: those of the configuration
  std::vector<std::string> shims;  // of the runtimes; empty: all that are configured
  std::chrono::milliseconds hook_deadline{1500};
  bool hook_open = false;  // a container starts where nobody can be asked
  std::string image;       // a guest's root, to verify; empty: ship_dir alone

  // Throws plugin::Failure that names the setting.
  static InstallOptions from(const plugin::Settings& settings);
  std::string hooks_dir() const { return ship_dir + "/hooks"; }
};

}  // namespace usher::kata
