// Runs a program and takes what it prints, for a bounded time.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace usher::install {

struct Output {
  std::string out;
  std::string err;
  int status = 0;  // the exit code; 128 and the signal's number where a signal ended it
};

// arguments[0] is the program's path. `environment` is all that it gets; its input is empty. At the
// deadline, or where it prints more than `limit` bytes to either, it and what it has started (its
// process group) are killed, and that is an error.
Result<Output> run_command(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment,
                           std::chrono::milliseconds deadline, std::size_t limit);

}  // namespace usher::install
