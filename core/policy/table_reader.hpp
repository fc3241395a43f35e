// Strict reading of one table: every key that is not known, and every value of the wrong type, is a
// diagnostic with its place.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/toml_value.hpp"

namespace usher::policy {

struct PlacedString {
  std::string text;
  Location at;
};

class TableReader {
 public:
  // `what` names the table in messages ("[select]"). Reports the keys that are not in `known`.
  TableReader(const TomlTable& table, Location at, std::string what,
              std::span<const std::string_view> known, std::vector<Diagnostic>& errors);

  const Location& at() const { return at_; }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  Location at(std::string_view key) const;  // of the key's value, or of the table

  // Each of these is empty when the key is not there, and when it was reported.
  std::optional<std::string> string(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::vector<PlacedString> strings(std::string_view key);  // an empty list is reported
  // One of `names`, as its index.
  std::optional<std::size_t> choice(std::string_view key, std::span<const std::string_view> names);
  const TomlTable* table(std::string_view key);
  // A list of tables ([[key]] or inline ones).
  std::vector<const TomlValue*> tables(std::string_view key);

  void error(const Location& at, std::string message);
  void required(std::string_view key, std::string_view example);

 private:
  const TomlEntry* find(std::string_view key) const;
  void wrong_type(const TomlEntry& entry, std::string_view expected);

  const TomlTable& table_;
  Location at_;
  std::string what_;
  std::vector<Diagnostic>& errors_;
};

}  // namespace usher::policy
