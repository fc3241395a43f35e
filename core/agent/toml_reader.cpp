#include "agent/toml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/escape.hpp"

namespace usher::agent {

namespace {

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string join_quoted(const std::vector<std::string_view>& words) {
  std::string out;
  for (const auto word : words) {
    out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", word);
  }
  return out;
}

}  // namespace

void TomlErrors::add(const toml::source_region& where, const std::string& message) {
  errors_.push_back(
      fmt::format("{}:{}:{}: {}", file_, where.begin.line, where.begin.column, message));
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

std::string_view near_miss(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto candidate : known) {
    const auto d = distance(word, candidate);
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

const toml::node* TomlTable::node(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

void TomlTable::error(std::string_view key, const std::string& message) {
  const auto* found = table_.get(key);
  errors_.add(found != nullptr ? found->source() : table_.source(),
              fmt::format("{} {}: {}", name_, key, message));
}

std::optional<std::string> TomlTable::text(std::string_view key) {
  const auto* found = node(key);
  if (found == nullptr) {
    return std::nullopt;
  }
  const auto* value = found->as_string();
  if (value == nullptr) {
    error(key, fmt::format("expected a string, found {}", type_name(*found)));
    return std::nullopt;
  }
  return value->get();
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
    const auto near = near_miss(*value, choices);
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
  const auto* value = found->as_boolean();
  if (value == nullptr) {
    error(key, fmt::format("expected true or false, found {}", type_name(*found)));
    return std::nullopt;
  }
  return value->get();
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key, std::int64_t low,
                                               std::int64_t high) {
  const auto* found = node(key);
  if (found == nullptr) {
    return std::nullopt;
  }
  const auto* value = found->as_integer();
  if (value == nullptr) {
    error(key, fmt::format("expected an integer, found {}", type_name(*found)));
    return std::nullopt;
  }
  if (value->get() < low || value->get() > high) {
    error(key, fmt::format("expected {} to {}, found {}", low, high, value->get()));
    return std::nullopt;
  }
  return value->get();
}

void TomlTable::finish(const std::function<bool(std::string_view, const toml::node&)>& accept) {
  for (const auto& [key, value] : table_) {
    if (std::ranges::find(known_, key.str()) != known_.end() ||
        (accept && accept(key.str(), value))) {
      continue;
    }
    const auto near = near_miss(key.str(), known_);
    errors_.add(key.source(),
                fmt::format("unknown key \"{}\" in {}{}", escape(key.str()), name_,
                            near.empty() ? fmt::format("; it knows {}", join_quoted(known_))
                                         : fmt::format("; did you mean \"{}\"?", near)));
  }
}

}  // namespace usher::agent
