#include "policy/table_reader.hpp"

#include <algorithm>

#include "base/escape.hpp"
#include "policy/near_name.hpp"

namespace usher::policy {

TableReader::TableReader(const TomlTable& table, Location at, std::string what,
                         std::span<const std::string_view> known, std::vector<Diagnostic>& errors)
    : table_(table), at_(std::move(at)), what_(std::move(what)), errors_(errors) {
  for (const TomlEntry& entry : table_) {
    if (std::ranges::find(known, entry.key) == known.end()) {
      error(entry.at, what_ + " has no key " + escape(entry.key) + hint(entry.key, known));
    }
  }
}

Location TableReader::at(std::string_view key) const {
  const TomlEntry* entry = find(key);
  return entry != nullptr ? entry->value.at : at_;
}

std::optional<std::string> TableReader::string(std::string_view key) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  if (const auto* text = entry->value.as<std::string>()) {
    return *text;
  }
  wrong_type(*entry, "a string");
  return std::nullopt;
}

std::optional<bool> TableReader::boolean(std::string_view key) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) {
    return std::nullopt;
  }
  if (const auto* value = entry->value.as<bool>()) {
    return *value;
  }
  wrong_type(*entry, "true or false");
  return std::nullopt;
}

std::vector<PlacedString> TableReader::strings(std::string_view key) {
  std::vector<PlacedString> out;
  const TomlEntry* entry = find(key);
  if (entry == nullptr) {
    return out;
  }
  const auto* items = entry->value.as<TomlArray>();
  if (items == nullptr) {
    wrong_type(*entry, "a list of strings");
    return out;
  }
  if (items->empty()) {
    error(entry->value.at, entry->key +
                               " is empty, which would match nothing: name something or "
                               "leave the key out");
  }
  for (const TomlValue& item : *items) {
    if (const auto* text = item.as<std::string>()) {
      out.push_back({*text, item.at});
    } else {
      error(item.at, entry->key + " is a list of strings, but this is " +
                         std::string(item.type_name()) + ": put it in quotes");
    }
  }
  return out;
}

std::optional<std::size_t> TableReader::choice(std::string_view key,
                                               std::span<const std::string_view> names) {
  const auto text = string(key);
  if (!text) {
    return std::nullopt;
  }
  const auto found = std::ranges::find(names, *text);
  if (found == names.end()) {
    error(at(key), std::string(key) + " cannot be \"" + escape(*text) + "\"" + hint(*text, names));
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - names.begin());
}

const TomlTable* TableReader::table(std::string_view key) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) {
    return nullptr;
  }
  const auto* found = entry->value.as<TomlTable>();
  if (found == nullptr) {
    wrong_type(*entry, "a table");
  }
  return found;
}

std::vector<const TomlValue*> TableReader::tables(std::string_view key) {
  std::vector<const TomlValue*> out;
  const TomlEntry* entry = find(key);
  if (entry == nullptr) {
    return out;
  }
  const auto* items = entry->value.as<TomlArray>();
  if (items == nullptr) {
    wrong_type(*entry, "a list of tables");
    return out;
  }
  for (const TomlValue& item : *items) {
    if (item.as<TomlTable>() != nullptr) {
      out.push_back(&item);
    } else {
      error(item.at,
            entry->key + " is a list of tables, but this is " + std::string(item.type_name()));
    }
  }
  return out;
}

void TableReader::error(const Location& at, std::string message) {
  errors_.push_back({at, std::move(message), false});
}

void TableReader::required(std::string_view key, std::string_view example) {
  if (!has(key)) {
    error(at_, what_ + " needs " + std::string(key) + ", such as " + std::string(key) + " = " +
                   std::string(example));
  }
}

const TomlEntry* TableReader::find(std::string_view key) const {
  const auto found = std::ranges::find(table_, key, &TomlEntry::key);
  return found == table_.end() ? nullptr : &*found;
}

void TableReader::wrong_type(const TomlEntry& entry, std::string_view expected) {
  error(entry.value.at, entry.key + " in " + what_ + " is " + std::string(entry.value.type_name()) +
                            ", expected " + std::string(expected));
}

}  // namespace usher::policy
