// usher.install/1 of the hooks-directory runtimes. After every single step of an install or an
// uninstall, wherever it is killed, three things hold: each hook file is whole, each hook file of
// ours names a program that is there (CRI-O and podman leave out a file silently whose program is
// missing), and what is left is mended by running either again.
#pragma once

#include <ctime>

#include "cri-o/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::cri_o {

// What install_hooks would do.
void plan_hooks(const HookOptions& options, plugin::Report& report);
// The program under the name of its version, then the hook files, each by rename. Programs of other
// versions go when nothing names them, in a later run than the one that moved the files on: the
// runtime may still be reading those. The program that hook_source names must run here.
void install_hooks(const HookOptions& options, plugin::Report& report);
// The hook files of `options.runtime`, last first, then the programs that nothing names any more.
void uninstall_hooks(const HookOptions& options, plugin::Report& report);
// In verify.cpp.
void verify_hooks(const HookOptions& options, plugin::Report& report);

// Was the file written before its program was last put there? Then the runtime may have read it
// while the program was missing, left it out, and not looked again since.
bool is_older(const timespec& file, const timespec& program);

}  // namespace usher::cri_o
