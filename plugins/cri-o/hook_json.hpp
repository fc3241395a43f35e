// The hook files that make CRI-O or podman call usher-hook.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "usher/plugin.hpp"

namespace usher::cri_o {

// What an operator can choose; read from the settings of usher.install/1.
struct HookOptions {
  std::string root = "/";
  std::string runtime = "cri-o";  // cri-o or podman
  std::string hooks_dir;          // empty: as the runtime's configuration says
  std::string hook_source = "/usr/libexec/usher/usher-hook";
  std::string hook_path = "/opt/usher/bin/usher-hook";  // /usr may be read-only
  std::string socket = "/run/usher/hook.sock";
  std::int64_t timeout_ms = 5000;
  std::string fail = "closed";
  std::vector<std::string> exempt_namespaces;  // empty: usher-hook's own default

  // Throws plugin::Failure that names the setting.
  static HookOptions from(const plugin::Settings& settings);
};

struct HookFile {
  std::string name;
  std::string content;
};

// One file a stage, since a file has one list of arguments for all its stages: createRuntime is the
// gate, poststop hints the end. createContainer could only repeat the gate from inside the
// container's namespaces, and startContainer needs a binary inside the container.
std::vector<HookFile> hook_files(const HookOptions& options);

}  // namespace usher::cri_o
