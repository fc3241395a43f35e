// A TOML text as plain values: each key's path, its value and where it stands.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace usher::containerd {

using KeyPath = std::vector<std::string>;

// "plugins.'io.containerd.grpc.v1.cri'.containerd", as a person writes it.
std::string to_string(const KeyPath& path);

struct TomlLeaf {
  std::string value;  // in TOML's own form; equal texts are equal values
  std::optional<std::string> text;
  std::optional<bool> flag;
  std::optional<std::int64_t> integer;
  std::optional<std::vector<std::string>> texts;  // an array of strings alone
  // Of the value; lines and columns from 1, columns count characters. The end is the last line.
  std::uint32_t line = 0, column = 0, end_line = 0;
  bool inlined = false;  // within { }
};

struct TomlTable {
  std::uint32_t line = 0;
  bool inlined = false;
  bool empty = false;
};

// Arrays are leaves, whatever is in them.
struct TomlView {
  std::map<KeyPath, TomlLeaf> leaves;
  std::map<KeyPath, TomlTable> tables;

  const TomlLeaf* leaf(const KeyPath& path) const;
};

// Errors: EBADMSG, "NAME:LINE:COLUMN: what is wrong".
Result<TomlView> view_toml(std::string_view text, std::string_view name);

}  // namespace usher::containerd
