// What every installer's verify looks at.
#pragma once

#include <string>

#include "install/node.hpp"
#include "install/options.hpp"
#include "usher/plugin.hpp"

namespace usher::install {

// False, and a problem, where others than root could change it.
bool is_roots(const Node& node, const std::string& path, plugin::Report& report);

// A problem for whatever is wrong with the program at `path`, which is expected to be of `version`;
// `mend` says what to do.
void check_program(const Node& node, const Options& options, const std::string& path,
                   const std::string& version, const std::string& mend, plugin::Report& report);

}  // namespace usher::install
