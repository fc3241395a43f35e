// The hook files that make CRI-O or podman call usher-hook.
#pragma once

#include <string>
#include <vector>

#include "cri-o/settings.hpp"

namespace usher::cri_o {

struct HookFile {
  std::string name;
  std::string content;
};

// One file a stage, since a file has one list of arguments for all its stages: createRuntime is the
// gate, poststop hints the end. createContainer could only repeat the gate from inside the
// container's namespaces, and startContainer needs a binary inside the container. `program` is the
// hook's path on the node. In the order in which they are written.
std::vector<HookFile> hook_files(const HookOptions& options, const std::string& program);

// The names alone, of the files of `runtime`.
std::vector<std::string> hook_file_names(const std::string& runtime);

}  // namespace usher::cri_o
