// Which runtimes' containers start without the hook, by what containerd says that they begin with.
#pragma once

#include <string>

#include "containerd/install/handlers.hpp"
#include "containerd/settings.hpp"

namespace usher::containerd {

// For an operator: which, and what to do; empty where each that should have the hook has a base
// spec with it (or one that cannot be read from here), and in a mode whose gate is another.
std::string hookless(const Options& options, const Handlers& handlers);

}  // namespace usher::containerd
