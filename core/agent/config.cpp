#include "agent/config.hpp"

#include <fmt/format.h>

#include <charconv>

#include "agent/toml_reader.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::agent {

namespace {

constexpr std::size_t kConfigLimit = 1U << 20;

void read_duration(TomlTable& table, std::string_view key, std::chrono::milliseconds low,
                   std::chrono::milliseconds high, std::chrono::milliseconds& out) {
  const auto text = table.text(key);
  if (!text) {
    return;
  }
  const auto value = parse_duration(*text);
  if (!value) {
    table.error(key, value.error().message);
  } else if (*value < low || *value > high) {
    table.error(
        key, fmt::format("expected {}ms to {}ms, found \"{}\"", low.count(), high.count(), *text));
  } else {
    out = *value;
  }
}

template <class T, class U>
void assign(T& out, std::optional<U> value) {
  if (value) {
    out = static_cast<T>(*value);
  }
}

void read_agent(TomlTable table, Config& config) {
  assign(config.run_dir, table.absolute_path("run_dir"));
  assign(config.state_dir, table.absolute_path("state_dir"));
  assign(config.hook_socket, table.absolute_path("hook_socket"));
  assign(config.admin_socket, table.absolute_path("admin_socket"));
  table.finish();
}

void read_enforcement(TomlTable table, Config& config) {
  assign(config.backend, table.one_of("backend", {"auto", "lsm", "tracepoint"}));
  if (const auto word = table.one_of("unenrolled", {"allow", "audit", "deny"})) {
    if (*word != "allow") {
      table.error("unenrolled", fmt::format("\"{}\" is not available yet; this version can only "
                                            "\"allow\" pods that nobody enrolled",
                                            *word));
    }
    config.unenrolled = *word;
  }
  assign(config.pins, table.absolute_path("pins"));
  assign(config.event_burst, table.integer("event_burst", 1, 1'000'000));
  read_duration(table, "event_window", std::chrono::milliseconds(1), std::chrono::hours(1),
                config.event_window);
  table.finish();
}

void read_policies(TomlTable table, Config& config) {
  assign(config.policy_directory, table.absolute_path("directory"));
  assign(config.allow_empty, table.boolean("allow_empty"));
  table.finish();
}

// An adapter's table becomes typed values under dotted keys; what they mean is the adapter's.
void flatten(const toml::table& table, const std::string& prefix, adapter::Config& out,
             TomlErrors& errors) {
  for (const auto& [key, value] : table) {
    const auto name = prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key);
    if (const auto* text = value.as_string()) {
      out[name] = text->get();
    } else if (const auto* number = value.as_integer()) {
      out[name] = number->get();
    } else if (const auto* fraction = value.as_floating_point()) {
      out[name] = fraction->get();
    } else if (const auto* truth = value.as_boolean()) {
      out[name] = truth->get();
    } else if (const auto* inner = value.as_table()) {
      flatten(*inner, name, out, errors);
    } else if (const auto* array = value.as_array();
               array != nullptr &&
               (array->empty() || array->is_homogeneous(toml::node_type::string))) {
      std::vector<std::string> words;
      array->for_each([&](const toml::value<std::string>& word) { words.push_back(word.get()); });
      out[name] = std::move(words);
    } else {
      errors.add(value.source(), fmt::format("{}: expected a string, number, boolean, table or "
                                             "array of strings, found {}",
                                             escape(name), type_name(value)));
    }
  }
}

void read_selection(TomlTable& table, Config& config) {
  const auto* select = table.node("select");
  if (select == nullptr) {
    return;
  }
  if (const auto* word = select->as_string(); word != nullptr && word->get() == "auto") {
    return;
  }
  const auto* array = select->as_array();
  if (array == nullptr || (!array->empty() && !array->is_homogeneous(toml::node_type::string))) {
    table.error("select", "expected \"auto\" or an array of adapter names");
    return;
  }
  config.adapters_automatic = false;
  array->for_each([&](const toml::value<std::string>& name) {
    config.adapters_selected.push_back(name.get());
  });
}

void read_adapters(TomlTable table, Config& config, TomlErrors& errors) {
  read_selection(table, config);
  assign(config.adapter_directory, table.absolute_path("directory"));
  table.finish([&](std::string_view name, const toml::node& value) {
    if (const auto* inner = value.as_table()) {
      flatten(*inner, "", config.adapter_config[std::string(name)], errors);
      return true;
    }
    return false;
  });
}

void read_log(TomlTable table, Config& config) {
  if (const auto word = table.one_of("level", {"debug", "info", "warning", "error"})) {
    config.log_level = *word == "debug"     ? LogLevel::debug
                       : *word == "info"    ? LogLevel::info
                       : *word == "warning" ? LogLevel::warning
                                            : LogLevel::error;
  }
  if (const auto word = table.one_of("format", {"auto", "text", "json"})) {
    config.log_format = *word == "text"   ? LogFormat::text
                        : *word == "json" ? LogFormat::json
                                          : LogFormat::automatic;
  }
  table.finish();
}

void read_hook(TomlTable table, Config& config) {
  read_duration(table, "deadline", std::chrono::milliseconds(100), std::chrono::minutes(1),
                config.hook_deadline);
  table.finish();
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (problem == std::errc() && number >= 0 && number <= 1'000'000'000) {
    if (unit == "ms") {
      return std::chrono::milliseconds(number);
    }
    if (unit == "s") {
      return std::chrono::seconds(number);
    }
    if (unit == "m") {
      return std::chrono::minutes(number);
    }
  }
  return fail(fmt::format("expected a duration such as \"500ms\", \"2s\" or \"1m\", found \"{}\"",
                          escape(text)));
}

ConfigResult parse_config(std::string_view text, const std::string& file) {
  ConfigResult result;
  TomlErrors errors(file);
  const auto parsed = toml::parse(text, std::string_view(file));
  if (!parsed) {
    errors.add(parsed.error().source(), std::string(parsed.error().description()));
    result.errors = errors.take();
    return result;
  }
  TomlTable top(parsed.table(), "usher.toml", errors);
  const auto section = [&](std::string_view name, auto&& read) {
    const auto* node = top.node(name);
    if (node == nullptr) {
      return;
    }
    if (const auto* table = node->as_table()) {
      read(TomlTable(*table, fmt::format("[{}]", name), errors), result.config);
    } else {
      top.error(name, fmt::format("expected a table, found {}", type_name(*node)));
    }
  };
  section("agent", read_agent);
  section("enforcement", read_enforcement);
  section("policies", read_policies);
  section("adapters", [&](TomlTable table, Config& config) {
    read_adapters(std::move(table), config, errors);
  });
  section("log", read_log);
  section("hook", read_hook);
  top.finish();
  auto& config = result.config;
  if (config.hook_socket.empty()) {
    config.hook_socket = config.run_dir / "hook.sock";
  }
  if (config.admin_socket.empty()) {
    config.admin_socket = config.run_dir / "admin.sock";
  }
  result.errors = errors.take();
  return result;
}

ConfigResult load_config(const std::filesystem::path& file) {
  const auto text = read_file(file, kConfigLimit);
  if (!text) {
    ConfigResult result;
    result.errors.push_back(fmt::format(
        "{}; give the configuration with --config FILE or install it there", text.error().message));
    return result;
  }
  return parse_config(*text, file.string());
}

}  // namespace usher::agent
