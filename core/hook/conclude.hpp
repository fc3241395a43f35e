// From what came of asking the agent to the hook's end: exit status and sentence.
#pragma once

#include <string>
#include <string_view>

#include "hook/client.hpp"
#include "hook/options.hpp"

namespace usher::hook {

// 0 lets the container go on, 1 ends it. `sentence` goes to standard error; empty: nothing to say.
struct Ending {
  int status = 0;
  std::string sentence;
};

// A refusal is a verdict and stands. An agent that could not be asked is answered by the
// exemptions, then by --fail; a container that starts by either is noted in the spool. Hints never
// fail. `state` is parsed only where an exemption or a note needs it.
Ending conclude(const Options& options, const Outcome& outcome, std::string_view state);

// A state that could not be read whole: nobody can be exempt by it, and padding an annotation must
// not open what fails open.
Ending conclude_unreadable(const Options& options, std::string_view why);

// Text of others as part of one line: escaped, and cut where it is longer than a log should bear.
std::string shown(std::string_view bytes);

// What --print writes.
std::string describe(const Options& options, std::string_view state);

}  // namespace usher::hook
