// `usherctl policies check`: the loader's and the compiler's word on policy files, without an
// agent.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ctl/terminal.hpp"

namespace usher::ctl {

// Files and directories; a directory means every *.toml in it. `backend` is lsm or tracepoint.
// kOk, kFailed when a policy has an error, kUsage when a file cannot be read.
int check_policies(const std::vector<std::filesystem::path>& files, const std::string& backend,
                   const Terminal& terminal);

}  // namespace usher::ctl
