// What an operator should know of the adapters: a line for each that does not do its work.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/host.hpp"

namespace usher::agent {

// Those that failed, or say themselves that they are degraded or unhealthy. One that was not chosen
// is none of them: its runtime is not on this node.
std::vector<std::string> adapter_warnings(const std::vector<adapter::AdapterInfo>& adapters);

// Whether a running adapter answers for that runtime.
bool is_served(const std::vector<adapter::AdapterInfo>& adapters, std::string_view runtime);

// Where [compat.tetragon] names a runtime that no running adapter serves: all its socket can do is
// to refuse. Nothing where `runtime` is empty.
std::optional<std::string> unserved_warning(const std::vector<adapter::AdapterInfo>& adapters,
                                            const std::string& runtime);

}  // namespace usher::agent
