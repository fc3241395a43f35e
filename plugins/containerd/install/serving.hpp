// The containerd that runs with a configuration, and whether it has read what is there now.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "containerd/install/settings.hpp"
#include "install/node.hpp"

namespace usher::containerd {

struct Serving {
  std::vector<pid_t> all;
  std::vector<pid_t> stale;  // started before one of the files was written
};

// `files`: on the node; one that is not there counts with its directory. containerd reads them at
// its start only.
Serving serving(const InstallOptions& options, const install::Node& node,
                const std::vector<std::string>& files);

}  // namespace usher::containerd
