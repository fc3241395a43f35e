// An adapter's table of usher.toml, [adapters.NAME], as its settings; the one reader for the agent
// and for usherctl.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/host.hpp"
#include "policy/toml_value.hpp"

namespace usher::agent {

// Where each dotted key stands; "" is the table itself.
using SettingPlaces = std::map<std::string, policy::Location, std::less<>>;

struct SettingsTable {
  adapter::Config values;  // typed; what they mean is the adapter's
  SettingPlaces places;
  std::vector<policy::Diagnostic> problems;  // values of a type that no setting has
};

SettingsTable read_settings(const policy::TomlTable& table, policy::Location at);

// An array of strings; nothing when something else is in it, or it is none.
std::optional<std::vector<std::string>> words_of(const policy::TomlValue& value);

// Where in the file the adapter's complaint belongs: at the longest key that `message` names in
// double quotes, else at the table. `places` must have "".
const policy::Location& place_of(std::string_view message, const SettingPlaces& places);

}  // namespace usher::agent
