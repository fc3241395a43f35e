// What this kernel can carry.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace usher::enforce {

// Whether BPF LSM programs load and are called. The error says which of the two fails and what to
// change. Changes nothing on the node: the trial program is never attached.
Result<> lsm_usable();

// Whether tracing programs with BTF load, which both backends need.
Result<> tracing_usable();

// Properties of this kernel that weaken what is enforced, as sentences for the operator.
std::vector<std::string> kernel_warnings();

}  // namespace usher::enforce
