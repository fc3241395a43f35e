// `usherctl adapter check X.so`: the conformance runner for authors of adapters. Needs no agent.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "ctl/terminal.hpp"

namespace usher::ctl {

// Adds `adapter check`; its callback sets `command`, which must outlive the parse. Exit codes: kOk
// when no rule failed, kFailed when one did, kUsage when there is no such file.
void add_adapter_commands(CLI::App& app, std::function<int(const Terminal&)>& command);

}  // namespace usher::ctl
