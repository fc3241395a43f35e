// What the containerd that runs has taken as its configuration, by its own word.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::containerd {

// A runtime's name, and its base_runtime_spec.
using BaseSpecs = std::map<std::string, std::string>;

// From CRI's verbose Status, on the socket at `socket` as it lies here. Waits for the answer.
Result<BaseSpecs> specs_in_force(const std::string& socket, std::chrono::milliseconds deadline);

// From the text that containerd gives there as its "config".
Result<BaseSpecs> specs_in(std::string_view json);

}  // namespace usher::containerd
