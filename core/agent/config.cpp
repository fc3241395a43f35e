#include "agent/config.hpp"

#include <fmt/format.h>

#include <charconv>

#include "agent/config_sections.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::agent {

adapter::HostOptions host_options(const Config& config) {
  return {.directory = config.adapter_directory,
          .automatic = config.adapters_automatic,
          .selected = config.adapters_selected,
          .config = config.adapter_config,
          .gate_deadline = config.hook_deadline};
}

std::string settings_error(const Config& config, const std::string& adapter,
                           const std::string& message) {
  const auto places = config.adapter_places.find(adapter);
  if (places == config.adapter_places.end()) {
    return message;
  }
  const auto& at = place_of(message, places->second);
  return fmt::format("{}:{}:{}: [adapters.{}]: {}", at.file, at.line, at.column, escape(adapter),
                     message);
}

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

namespace {

constexpr std::size_t kConfigLimit = 1U << 20;

// Shorter than the guest hook waits for the agent, which is shorter than Kata waits for the hook.
constexpr std::chrono::milliseconds kGuestDeadline{1400};

enum class Kind : std::uint8_t { node, guest };

ConfigResult parse(std::string_view text, const std::string& file, const AdapterPath& adapter_path,
                   Kind kind) {
  ConfigResult result;
  if (kind == Kind::guest) {
    result.config.state_dir.clear();
    result.config.allow_empty = true;
    result.config.hook_deadline = kGuestDeadline;
  }
  TomlErrors errors;
  const auto parsed = policy::parse_toml(text, file);
  if (!parsed) {
    errors.add(parsed.error().at, parsed.error().message);
    result.errors = errors.take();
    return result;
  }
  TomlTable top(*parsed, {file, 1, 1}, kind == Kind::guest ? "guest.toml" : "usher.toml", errors);
  const auto section = [&](std::string_view name, auto&& read) {
    static const policy::TomlTable nothing;
    const auto* node = top.node(name);
    const auto* table = node == nullptr ? &nothing : node->as<policy::TomlTable>();
    if (table != nullptr) {
      read(TomlTable(*table, node == nullptr ? policy::Location{file, 1, 1} : node->at,
                     fmt::format("[{}]", name), errors),
           result.config);
    } else {
      top.error(name, fmt::format("expected a table, found {}", node->type_name()));
    }
  };
  section("agent", read_agent);
  section("enforcement", read_enforcement);
  section("log", read_log);
  section("hook", read_hook);
  if (kind == Kind::guest) {
    section("guest", read_guest);
  } else {
    section("policies", read_policies);
    section("adapters", [&](TomlTable table, Config& config) {
      read_adapters(std::move(table), config, errors, adapter_path);
    });
    section("compat", [&](TomlTable table, Config& config) {
      read_compat(std::move(table), config, errors);
    });
  }
  top.finish();
  if (result.config.state_dir.empty()) {
    result.config.state_dir = result.config.run_dir / "state";
  }
  result.errors = errors.take();
  return result;
}

}  // namespace

ConfigResult parse_config(std::string_view text, const std::string& file,
                          const AdapterPath& adapter_path) {
  return parse(text, file, adapter_path, Kind::node);
}

ConfigResult parse_guest_config(std::string_view text, const std::string& file) {
  return parse(text, file, {}, Kind::guest);
}

namespace {

Result<std::string> read_config(const std::filesystem::path& file) {
  auto text = read_file(file, kConfigLimit);
  return text
             ? std::move(text)
             : fail(fmt::format("{}; give the configuration with --config FILE or install it there",
                                text.error().message));
}

}  // namespace

ConfigResult load_config(const std::filesystem::path& file, const AdapterPath& adapter_path) {
  const auto text = read_config(file);
  auto result = text ? parse_config(*text, file.string(), adapter_path)
                     : ConfigResult{{}, {text.error().message}};
  result.config.file = file;
  return result;
}

ConfigResult load_guest_config(const std::filesystem::path& file) {
  const auto text = read_config(file);
  auto result =
      text ? parse_guest_config(*text, file.string()) : ConfigResult{{}, {text.error().message}};
  result.config.file = file;
  return result;
}

}  // namespace usher::agent
