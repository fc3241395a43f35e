// usher.install/1 of the hooks-directory runtimes: the hook's binary and its files, in the order
// that never leaves a file whose binary is missing (CRI-O and podman skip such a file silently).
#pragma once

#include "cri-o/hook_json.hpp"
#include "usher/plugin.hpp"

namespace usher::cri_o {

void plan_hooks(const HookOptions& options, plugin::Report& report);
void install_hooks(const HookOptions& options, plugin::Report& report);
void verify_hooks(const HookOptions& options, plugin::Report& report);
// Takes the files of `options.runtime` away, then the binary unless another runtime's file names
// it.
void uninstall_hooks(const HookOptions& options, plugin::Report& report);

}  // namespace usher::cri_o
