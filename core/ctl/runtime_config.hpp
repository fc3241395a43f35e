// What the node's configuration says to an adapter: `usherctl runtime …` starts from it, so that it
// looks at and leaves the same as an agent with install = true does.
#pragma once

#include <string>

#include "adapter/host.hpp"
#include "base/error.hpp"

namespace usher::ctl {

inline constexpr const char* kNodeConfig = "/etc/usher/usher.toml";

// The table [adapters.NAME] of `file` under dotted keys; empty where there is none. A file that is
// not there is an error unless it is kNodeConfig; an empty name reads nothing.
Result<adapter::Config> configured(const std::string& file, const std::string& name);

}  // namespace usher::ctl
