// The options of `usherctl runtime …`.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "ctl/terminal.hpp"

namespace usher::ctl {

// Adds `runtime plan|install|verify|uninstall`; their callbacks set `command`, which must outlive
// the parse.
void add_runtime_commands(CLI::App& app, std::function<int(const Terminal&)>& command);

}  // namespace usher::ctl
