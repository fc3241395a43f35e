// The files that a file's `imports` name.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "containerd/install/generation.hpp"
#include "install/node.hpp"

namespace usher::containerd {

// Paths on the node, a pattern's in name order. A pattern that matches nothing names nothing; a
// path without one is named whether it is there or not.
std::vector<std::string> imported(const install::Node& node, const std::string& by,
                                  const std::vector<std::string>& imports,
                                  const Generation& generation);

}  // namespace usher::containerd
