// Where CRI-O and podman read OCI hooks from.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "install/node.hpp"

namespace usher::cri_o {

// As CRI-O merges its configuration: [crio.runtime] hooks_dir of /etc/crio/crio.conf, then of every
// file below /etc/crio/crio.conf.d in name order: the last that sets it replaces what came before.
// Nothing sets it: CRI-O's default. What CRI-O is given on its command line or in its environment
// (--hooks-dir, CONTAINER_HOOKS_DIR) is not seen here.
// Errors: a file that is not TOML, or a hooks_dir that is not a list of strings.
Result<std::vector<std::string>> cri_o_hooks_dirs(const install::Node& node);

// The same for podman: [engine] hooks_dir of containers.conf and of the *.conf in its drop-ins.
Result<std::vector<std::string>> podman_hooks_dirs(const install::Node& node);

Result<std::vector<std::string>> hooks_dirs(const install::Node& node, const std::string& runtime);

// The directories that hold the configuration of `runtime`.
std::vector<std::string> config_directories(const std::string& runtime);

}  // namespace usher::cri_o
