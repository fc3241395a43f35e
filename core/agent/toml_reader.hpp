// Reads TOML tables strictly: every key must be asked for, every value must have its type; what is
// wrong is collected with its place.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/toml_value.hpp"

namespace usher::agent {

class TomlErrors {
 public:
  void add(const policy::Location& where, const std::string& message);
  std::vector<std::string> take() { return std::move(errors_); }

 private:
  std::vector<std::string> errors_;
};

// One table. Calls name each key that the table may have; finish() complains of the others.
class TomlTable {
 public:
  // `at`: where the table stands; `name` is how messages call it: "[agent]".
  TomlTable(const policy::TomlTable& table, policy::Location at, std::string name,
            TomlErrors& errors)
      : table_(table), at_(std::move(at)), name_(std::move(name)), errors_(errors) {}

  std::optional<std::string> text(std::string_view key);
  std::optional<std::string> absolute_path(std::string_view key);
  std::optional<std::string> one_of(std::string_view key, std::vector<std::string_view> choices);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high);
  const policy::TomlValue* node(std::string_view key);  // no check of its type
  // At the key's value, or at the table where the key is not given.
  void error(std::string_view key, const std::string& message);
  // Every key that was not asked for is an error, with the nearest known name; keys for which
  // `accept` holds are left to the caller.
  void finish(const std::function<bool(const policy::TomlEntry&)>& accept = {});

 private:
  const policy::TomlEntry* find(std::string_view key) const;

  const policy::TomlTable& table_;
  policy::Location at_;
  std::string name_;
  TomlErrors& errors_;
  std::vector<std::string_view> known_;
};

}  // namespace usher::agent
