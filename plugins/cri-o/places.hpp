// Where the hook's files go on this node, and what the runtime reads.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "cri-o/settings.hpp"
#include "install/node.hpp"

namespace usher::cri_o {

struct Places {
  std::vector<std::string> all;  // what the runtime reads, in its order
  std::string ours;              // where our files go

  bool is_read() const;  // is `ours` one of `all`?
  // `all`, and `ours` where it is none of them.
  std::vector<std::string> every() const;
};

// Ours is the last directory that is there (one that is made now is not read before a restart, and
// on equal file names the later directory wins), unless the options name one.
// Throws plugin::Failure.
Places places_of(const install::Node& node, const HookOptions& options);

// Every directory in which a hook file could name our program, whichever runtime reads it.
std::vector<std::string> all_hook_dirs(const install::Node& node, const Places& places);

}  // namespace usher::cri_o
