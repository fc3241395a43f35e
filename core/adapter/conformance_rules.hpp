// The rules that an adapter is held against, each tried in a process of its own.
#pragma once

#include <span>

#include "adapter/conformance_trial.hpp"

namespace usher::adapter {

struct Rule {
  const char* id;
  const char* says;  // a sentence for people
  void (*run)(const Library& library, const Config& settings, Findings& findings);
};

std::span<const Rule> conformance_rules();

}  // namespace usher::adapter
