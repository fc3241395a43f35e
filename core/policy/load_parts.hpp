// The parts of a policy file, each read from its table. Internal to the loader: errors are appended
// to the reader's list, and what was read is then of no use.
#pragma once

#include <vector>

#include "policy/policy.hpp"
#include "policy/table_reader.hpp"

namespace usher::policy {

// Names of policies and rules: they stand in events, logs and command lines.
bool is_plain_name(std::string_view name);

Selector read_selector(const TomlTable& table, const Location& at, std::vector<Diagnostic>& errors);
Rule read_rule(const TomlTable& table, const Location& at, std::size_t number,
               std::vector<Diagnostic>& errors);

}  // namespace usher::policy
