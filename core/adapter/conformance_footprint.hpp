// The rules about what an adapter leaves alone in the process that it shares.
#pragma once

#include "adapter/conformance_trial.hpp"

namespace usher::adapter {

// Each may be the `run` of a Rule.
void blocks_signals(const Library& library, const Config& settings, Findings& findings);
void leaves_nothing(const Library& library, const Config& settings, Findings& findings);
void leaves_signals(const Library& library, const Config& settings, Findings& findings);

}  // namespace usher::adapter
