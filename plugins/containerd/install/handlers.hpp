// What the runtime handlers of pods stand for, and what their containers begin with, by the word of
// the containerd that runs.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::containerd {

struct Handler {
  std::string type;       // runtime_type; empty: not known
  std::string base_spec;  // base_runtime_spec; empty: containerd's own
};

struct Handlers {
  std::string default_name;  // the runtime of pods that name no handler; empty: not known
  std::map<std::string, Handler, std::less<>> runtimes;  // by name

  // The runtime that a pod's handler names.
  const std::string& runtime_of(const std::string& handler) const {
    return handler.empty() ? default_name : handler;
  }
  // Its type; empty: not known.
  std::string_view type_of(const std::string& handler) const {
    const auto found = runtimes.find(runtime_of(handler));
    return found == runtimes.end() ? std::string_view() : found->second.type;
  }
};

// From the text that containerd gives as the "config" of CRI's verbose Status.
Result<Handlers> handlers_in(std::string_view config);

}  // namespace usher::containerd
