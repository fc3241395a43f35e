// Which number stands for which rule in the kernel's memory and events. Numbers are given once and
// kept in a file under the run directory, so that what is pinned stays attributable when the agent
// starts again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>

#include "base/error.hpp"
#include "policy/compile.hpp"

namespace usher::agent {

class RuleTable {
 public:
  // Reads what an earlier agent wrote; no file = an empty table. A last line that a crash cut off
  // is dropped: its number was never used (save() comes before use). Anything else that does not
  // parse is an error.
  static Result<RuleTable> open(std::filesystem::path file);

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
};

}  // namespace usher::agent
