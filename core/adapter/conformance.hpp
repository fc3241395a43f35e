// `usherctl adapter check`: holds an adapter against the rules of plugin.h. Each rule is tried in a
// process of its own, so that an adapter that crashes or hangs fails that rule and no other.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "adapter/host.hpp"

namespace usher::adapter {

struct Verdict {
  std::string rule;  // a stable id: docs/plugin-abi.md lists them
  enum class Result : std::uint8_t { passed, warned, failed, skipped } result;
  std::string detail;  // what was seen, or why it was not tried; empty where passed
};

struct ConformanceOptions {
  std::filesystem::path path;
  bool trust_any_owner = false;
  Config settings;                         // what create gets
  std::vector<std::string> rules;          // ids; empty: all
  std::chrono::milliseconds limit{10000};  // of each rule
};

// The ids of all rules, in the order in which they are tried; loading is the first.
std::vector<std::string> conformance_rule_ids();

// Starts the adapter for real, several times. The calling process must have no other thread. The
// first verdict is that of loading; when it failed there is no other.
std::vector<Verdict> check_conformance(const ConformanceOptions& options);

}  // namespace usher::adapter
