// Where the hook's files go on this node, and what the runtime reads.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "cri-o/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::cri_o {

class Node;

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
Places places_of(const Node& node, const HookOptions& options);

// Every directory in which a hook file could name our program, whichever runtime reads it.
std::vector<std::string> all_hook_dirs(const Node& node, const Places& places);

template <class T>
T or_throw(Result<T> result) {
  if (!result) {
    throw plugin::Failure(result.error().message, USHER_FAILED, result.error().code);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

}  // namespace usher::cri_o
