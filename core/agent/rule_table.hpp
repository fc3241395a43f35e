// Which number stands for which rule in the kernel's memory and events. Numbers are given once and
// kept in a file under the run directory, so that what is pinned stays attributable when the agent
// starts again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>

#include "base/error.hpp"
#include "enforce/enforcer.hpp"
#include "policy/compile.hpp"

namespace usher::agent {

class RuleTable {
 public:
  // Reads what an earlier agent wrote; no file = an empty table. A last line that a crash cut off
  // is dropped: its number was never used (save() comes before use). A file that cannot be read
  // otherwise is set aside (set_aside()) and the table is empty: give it begin_above() before use.
  static Result<RuleTable> open(std::filesystem::path file);
  // What happened to the file, for people; empty: nothing.
  const std::string& set_aside() const { return set_aside_; }
  // New numbers are greater than that one.
  void begin_above(std::uint32_t number) { next_ = std::max(next_, number + 1); }

  // The rule's number, a new one from USHER_RULE_FIRST on where it has none. New ones are in the
  // file only after save().
  std::uint32_t id(const policy::RuleName& name);
  // Nullptr for a number that was never given.
  const policy::RuleName* name(std::uint32_t id) const;
  Result<> save();
  policy::RuleIds ids();

 private:
  explicit RuleTable(std::filesystem::path file) : file_(std::move(file)) {}
  Result<> parse(const std::string& text);

  std::filesystem::path file_;
  std::map<std::pair<std::string, std::string>, std::uint32_t> numbers_;
  std::unordered_map<std::uint32_t, policy::RuleName> names_;
  std::uint32_t next_ = USHER_RULE_FIRST;
  std::string unsaved_;
  std::string set_aside_;
};

// The greatest number of a rule in any profile that the kernel holds.
std::uint32_t highest_rule(const enforce::Enforcer& enforcer);

}  // namespace usher::agent
