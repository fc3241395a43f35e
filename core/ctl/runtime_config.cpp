#include "ctl/runtime_config.hpp"

#include <algorithm>
#include <utility>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "policy/toml_value.hpp"

namespace usher::ctl {
namespace {

using policy::TomlTable;
using policy::TomlValue;

Error wrong(const std::string& file, const policy::Location& at, const std::string& what) {
  return {escape(file) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
          what};
}

Result<std::vector<std::string>> words_of(const policy::TomlArray& array, const std::string& key,
                                          const std::string& file) {
  std::vector<std::string> words;
  for (const auto& each : array) {
    const auto* word = each.as<std::string>();
    if (word == nullptr) {
      return std::unexpected(wrong(file, each.at, escape(key) + " must be a list of strings"));
    }
    words.push_back(*word);
  }
  return words;
}

Result<> flatten(const TomlTable& table, const std::string& prefix, const std::string& file,
                 adapter::Config& out) {
  for (const auto& [key, at, value] : table) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (const auto* text = value.as<std::string>()) {
      out[name] = *text;
    } else if (const auto* number = value.as<std::int64_t>()) {
      out[name] = *number;
    } else if (const auto* truth = value.as<bool>()) {
      out[name] = *truth;
    } else if (const auto* inner = value.as<TomlTable>()) {
      if (auto good = flatten(*inner, name, file, out); !good) {
        return good;
      }
    } else if (const auto* array = value.as<policy::TomlArray>()) {
      auto words = words_of(*array, name, file);
      if (!words) {
        return std::unexpected(std::move(words.error()));
      }
      out[name] = std::move(*words);
    } else {
      return std::unexpected(wrong(file, at,
                                   escape(name) + " is " + std::string(value.type_name()) +
                                       ", which no adapter's installer takes"));
    }
  }
  return {};
}

const TomlTable* table_in(const TomlTable& table, const std::string& key) {
  const auto at = std::ranges::find(table, key, &policy::TomlEntry::key);
  return at == table.end() ? nullptr : at->value.as<TomlTable>();
}

}  // namespace

Result<adapter::Config> configured(const std::string& file, const std::string& name) {
  if (file.empty()) {
    return adapter::Config{};
  }
  auto text = read_file(file, 4U << 20);
  if (!text && text.error().code == ENOENT && file == kNodeConfig) {
    return adapter::Config{};
  }
  if (!text) {
    return std::unexpected(std::move(text.error()));
  }
  const auto document = policy::parse_toml(*text, file);
  if (!document) {
    return std::unexpected(wrong(file, document.error().at, document.error().message));
  }
  adapter::Config out;
  const auto* adapters = table_in(*document, "adapters");
  const auto* table = adapters == nullptr ? nullptr : table_in(*adapters, name);
  if (table != nullptr) {
    if (auto good = flatten(*table, "", file, out); !good) {
      return std::unexpected(std::move(good.error()));
    }
  }
  return out;
}

}  // namespace usher::ctl
