#include "ctl/runtime_config.hpp"

#include <algorithm>
#include <utility>

#include "agent/settings_table.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "policy/toml_value.hpp"

namespace usher::ctl {
namespace {

using policy::TomlTable;

Error wrong(const std::string& file, const policy::Location& at, const std::string& what) {
  return {escape(file) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
          what};
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
  const auto* adapters = table_in(*document, "adapters");
  const auto* table = adapters == nullptr ? nullptr : table_in(*adapters, name);
  if (table == nullptr) {
    return adapter::Config{};
  }
  auto read = agent::read_settings(*table, {file, 1, 1});
  if (!read.problems.empty()) {
    return std::unexpected(wrong(file, read.problems.front().at, read.problems.front().message));
  }
  return std::move(read.values);
}

}  // namespace usher::ctl
