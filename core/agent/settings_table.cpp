#include "agent/settings_table.hpp"

#include <utility>

#include "base/escape.hpp"

namespace usher::agent {

std::optional<std::vector<std::string>> words_of(const policy::TomlValue& value) {
  const auto* array = value.as<policy::TomlArray>();
  if (array == nullptr) {
    return std::nullopt;
  }
  std::vector<std::string> words;
  for (const auto& item : *array) {
    const auto* word = item.as<std::string>();
    if (word == nullptr) {
      return std::nullopt;
    }
    words.push_back(*word);
  }
  return words;
}

namespace {

void flatten(const policy::TomlTable& table, const std::string& prefix, SettingsTable& out) {
  for (const auto& [key, at, value] : table) {
    const auto name = prefix.empty() ? key : prefix + "." + key;
    out.places[name] = at;
    if (const auto* text = value.as<std::string>()) {
      out.values[name] = *text;
    } else if (const auto* number = value.as<std::int64_t>()) {
      out.values[name] = *number;
    } else if (const auto* fraction = value.as<double>()) {
      out.values[name] = *fraction;
    } else if (const auto* truth = value.as<bool>()) {
      out.values[name] = *truth;
    } else if (const auto* inner = value.as<policy::TomlTable>()) {
      flatten(*inner, name, out);
    } else if (auto words = words_of(value)) {
      out.values[name] = std::move(*words);
    } else {
      out.problems.push_back({value.at, escape(name) +
                                            ": expected a string, number, boolean, table or array "
                                            "of strings, found " +
                                            std::string(value.type_name())});
    }
  }
}

}  // namespace

SettingsTable read_settings(const policy::TomlTable& table, policy::Location at) {
  SettingsTable out;
  flatten(table, "", out);
  out.places[""] = std::move(at);
  return out;
}

const policy::Location& place_of(std::string_view message, const SettingPlaces& places) {
  const auto* best = &*places.find("");
  for (const auto& place : places) {
    if (place.first.size() > best->first.size() &&
        message.find('"' + place.first + '"') != std::string_view::npos) {
      best = &place;
    }
  }
  return best->second;
}

}  // namespace usher::agent
