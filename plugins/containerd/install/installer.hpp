// usher.install/1 of containerd. After every single step, wherever it is killed, containerd would
// start on what is there, and what its configuration names is there: the program comes first, then
// the base specs, then the configuration, each by rename; backwards when it is taken away. Running
// either again ends it.
#pragma once

#include "containerd/install/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

// What install would do.
void plan_containerd(const InstallOptions& options, plugin::Report& report);
// Refuses, without a trace in the configuration, what the node's own containerd does not read,
// reads in another way than it is meant, or does not start on.
void install_containerd(const InstallOptions& options, plugin::Report& report);
// In uninstaller.cpp. Our own lines alone; a program or a spec that a containerd that runs may
// still use stays until it was restarted and this is run again.
void uninstall_containerd(const InstallOptions& options, plugin::Report& report);
// In verify.cpp. Also asks the containerd that runs.
void verify_containerd(const InstallOptions& options, plugin::Report& report);

}  // namespace usher::containerd
