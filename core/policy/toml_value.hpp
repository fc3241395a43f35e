// A TOML document as a plain tree in which every key and value knows where it stands. Keeps the
// TOML library's header to one file.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/policy.hpp"

namespace usher::policy {

struct TomlEntry;
struct TomlValue;
using TomlTable = std::vector<TomlEntry>;
using TomlArray = std::vector<TomlValue>;
struct TomlOther {  // dates, times: no key of ours takes one
  std::string_view type;
};

struct TomlValue {
  Location at;
  std::variant<TomlOther, std::string, std::int64_t, bool, TomlArray, TomlTable, double> value;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
  std::string_view type_name() const;  // "a string", "a table", …
};

struct TomlEntry {
  std::string key;
  Location at;  // of the key
  TomlValue value;
};

// The whole document, or where and why it is not TOML.
std::expected<TomlTable, Diagnostic> parse_toml(std::string_view text, const std::string& file);

}  // namespace usher::policy
