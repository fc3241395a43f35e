#include "agent/toml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/escape.hpp"
#include "policy/near_name.hpp"

namespace usher::agent {

namespace {

std::string join_quoted(const std::vector<std::string_view>& words) {
  std::string out;
  for (const auto word : words) {
    out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", word);
  }
  return out;
}

}  // namespace

void TomlErrors::add(const policy::Location& where, const std::string& message) {
  errors_.push_back(fmt::format("{}:{}:{}: {}", where.file, where.line, where.column, message));
}

const policy::TomlEntry* TomlTable::find(std::string_view key) const {
  const auto found = std::ranges::find(table_, key, &policy::TomlEntry::key);
  return found == table_.end() ? nullptr : &*found;
}

const policy::TomlValue* TomlTable::node(std::string_view key) {
  known_.push_back(key);
  const auto* entry = find(key);
  return entry == nullptr ? nullptr : &entry->value;
}

void TomlTable::error(std::string_view key, const std::string& message) {
  const auto* found = find(key);
  errors_.add(found != nullptr ? found->value.at : at_,
              fmt::format("{} {}: {}", name_, key, message));
}

std::optional<std::string> TomlTable::text(std::string_view key) {
  const auto* found = node(key);
  if (found == nullptr) {
    return std::nullopt;
  }
  const auto* value = found->as<std::string>();
  if (value == nullptr) {
    error(key, fmt::format("expected a string, found {}", found->type_name()));
    return std::nullopt;
  }
  return *value;
}

std::optional<std::string> TomlTable::absolute_path(std::string_view key) {
  auto value = text(key);
  if (value && (value->empty() || value->front() != '/' || value->find('\0') != value->npos)) {
    error(key, fmt::format("expected an absolute path, found \"{}\"", escape(*value)));
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> TomlTable::one_of(std::string_view key,
                                             std::vector<std::string_view> choices) {
  auto value = text(key);
  if (value && std::ranges::find(choices, std::string_view(*value)) == choices.end()) {
    const auto near = policy::nearest(*value, choices);
    error(key,
          fmt::format("expected one of {}, found \"{}\"{}", join_quoted(choices), escape(*value),
                      near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
    return std::nullopt;
  }
  return value;
}

std::optional<bool> TomlTable::boolean(std::string_view key) {
  const auto* found = node(key);
  if (found == nullptr) {
    return std::nullopt;
  }
  const auto* value = found->as<bool>();
  if (value == nullptr) {
    error(key, fmt::format("expected true or false, found {}", found->type_name()));
    return std::nullopt;
  }
  return *value;
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key, std::int64_t low,
                                               std::int64_t high) {
  const auto* found = node(key);
  if (found == nullptr) {
    return std::nullopt;
  }
  const auto* value = found->as<std::int64_t>();
  if (value == nullptr) {
    error(key, fmt::format("expected an integer, found {}", found->type_name()));
    return std::nullopt;
  }
  if (*value < low || *value > high) {
    error(key, fmt::format("expected {} to {}, found {}", low, high, *value));
    return std::nullopt;
  }
  return *value;
}

void TomlTable::finish(const std::function<bool(const policy::TomlEntry&)>& accept) {
  for (const auto& entry : table_) {
    if (std::ranges::find(known_, entry.key) != known_.end() || (accept && accept(entry))) {
      continue;
    }
    const auto near = policy::nearest(entry.key, known_);
    errors_.add(entry.at,
                fmt::format("unknown key \"{}\" in {}{}", escape(entry.key), name_,
                            near.empty() ? fmt::format("; it knows {}", join_quoted(known_))
                                         : fmt::format("; did you mean \"{}\"?", near)));
  }
}

}  // namespace usher::agent
