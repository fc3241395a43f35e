// What an operator should know of the adapters: a line for each that does not do its work.
#pragma once

#include <string>
#include <vector>

#include "adapter/host.hpp"

namespace usher::agent {

// Those that failed, or say themselves that they are degraded or unhealthy. One that was not chosen
// is none of them: its runtime is not on this node.
std::vector<std::string> adapter_warnings(const std::vector<adapter::AdapterInfo>& adapters);

}  // namespace usher::agent
