// Where CRI-O and podman read OCI hooks from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace usher::cri_o {

// `path` of the node below `root`.
std::filesystem::path under(const std::filesystem::path& root, const std::filesystem::path& path);

// [crio.runtime] hooks_dir of /etc/crio/crio.conf, then of every file in /etc/crio/crio.conf.d in
// name order: the last that sets it replaces what came before. Nothing sets it: CRI-O's default.
// Errors: a file that is not TOML, or a hooks_dir that is not a list of strings.
Result<std::vector<std::string>> cri_o_hooks_dirs(const std::filesystem::path& root);

// The same for podman: [engine] hooks_dir of containers.conf and its drop-ins.
Result<std::vector<std::string>> podman_hooks_dirs(const std::filesystem::path& root);

}  // namespace usher::cri_o
