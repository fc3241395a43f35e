// Reads TOML tables strictly: every key must be asked for, every value must have its type; what is
// wrong is collected with its place.
#pragma once

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace usher::agent {

class TomlErrors {
 public:
  explicit TomlErrors(std::string file) : file_(std::move(file)) {}
  void add(const toml::source_region& where, const std::string& message);
  std::vector<std::string> take() { return std::move(errors_); }

 private:
  std::string file_;
  std::vector<std::string> errors_;
};

// One table. Calls name each key that the table may have; finish() complains of the others.
class TomlTable {
 public:
  // `name` is how messages call it: "[agent]".
  TomlTable(const toml::table& table, std::string name, TomlErrors& errors)
      : table_(table), name_(std::move(name)), errors_(errors) {}

  std::optional<std::string> text(std::string_view key);
  std::optional<std::string> absolute_path(std::string_view key);
  std::optional<std::string> one_of(std::string_view key, std::vector<std::string_view> choices);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high);
  const toml::node* node(std::string_view key);  // no check of its type
  void error(std::string_view key, const std::string& message);
  // Every key that was not asked for is an error, with the nearest known name; `table` keys for
  // which `accept` holds are left to the caller.
  void finish(const std::function<bool(std::string_view, const toml::node&)>& accept = {});

 private:
  const toml::table& table_;
  std::string name_;
  TomlErrors& errors_;
  std::vector<std::string_view> known_;
};

std::string_view type_name(const toml::node& node);
// The known name that `word` most likely stands for; empty when none is near.
std::string_view near_miss(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace usher::agent
