// The containerd that runs with a configuration, and whether it has read what is there now.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "containerd/install/settings.hpp"
#include "install/node.hpp"

namespace usher::containerd {

struct Serving {
  struct Other {
    pid_t pid;
    std::string config;
  };
  std::vector<pid_t> all;
  std::vector<pid_t> stale;   // started before one of the files was written
  std::vector<Other> others;  // that run with another configuration
};

// `files`: on the node; one that is not there counts with its directory. containerd reads them at
// its start only.
Serving serving(const InstallOptions& options, const install::Node& node,
                const std::vector<std::string>& files);

// Where the program of the containerd that runs with this configuration lies, on the node: what is
// there now, for that is what reads the configuration next. Empty: none was seen, or it is gone.
std::string program_that_runs(const InstallOptions& options, const install::Node& node);

// Why containers that are made from now on may call the program, though no file of ours names it
// any more, and what to do. Empty: they do not.
std::string still_called(const InstallOptions& options, const Serving& running);

}  // namespace usher::containerd
