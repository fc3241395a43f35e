#include "agent/config_sections.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <climits>

#include "base/escape.hpp"
#include "guest/relay_address.hpp"
#include "usher_bpf.h"

namespace usher::agent {

namespace {

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

// A socket that is not given lies in run_dir. The kernel takes no longer path than this.
void finish_socket(TomlTable& table, std::string_view key, const std::filesystem::path& usual,
                   std::filesystem::path& socket) {
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  const bool given = !socket.empty();
  if (!given) {
    socket = usual;
  }
  if (socket.native().size() > kLongest) {
    table.error(given ? key : "run_dir",
                fmt::format("the socket's path \"{}\" has {} bytes, and a unix socket's may have "
                            "{}: give a shorter one",
                            escape(socket.string()), socket.native().size(), kLongest));
  }
}

// At most `most` texts, each as `fits` wants it; `what` says how.
void read_list(TomlTable& table, std::string_view key, std::size_t most, std::string_view what,
               bool (*fits)(const std::string&), std::vector<std::string>& out) {
  const auto* node = table.node(key);
  if (node == nullptr) {
    return;
  }
  auto words = words_of(*node);
  if (!words || words->size() > most || !std::ranges::all_of(*words, fits)) {
    table.error(key, fmt::format("expected an array of at most {} {}", most, what));
    return;
  }
  out = std::move(*words);
}

void read_selection(TomlTable& table, Config& config) {
  const auto* select = table.node("select");
  if (select == nullptr) {
    return;
  }
  if (const auto* word = select->as<std::string>(); word != nullptr && *word == "auto") {
    return;
  }
  auto names = words_of(*select);
  if (!names) {
    table.error("select", "expected \"auto\" or an array of adapter names");
    return;
  }
  if (names->empty()) {
    table.error("select",
                "names no adapter, so nobody would say who a container is; write \"auto\", or "
                "name those that this node needs");
    return;
  }
  config.adapters_automatic = false;
  config.adapters_selected = std::move(*names);
}

void read_tetragon(TomlTable table, Config& config) {
  const auto socket = table.absolute_path("socket");
  assign(config.tetragon_socket, socket);
  assign(config.tetragon_runtime, table.text("runtime"));
  if (socket) {
    finish_socket(table, "socket", {}, config.tetragon_socket);
    if (config.tetragon_socket == config.hook_socket ||
        config.tetragon_socket == config.admin_socket) {
      table.error("socket", "this is another socket of the agent already: give one of its own");
    }
  } else if (!config.tetragon_runtime.empty()) {
    table.error("runtime", "it says nothing without socket: set that too, or take this out");
  }
  table.finish();
}

}  // namespace

void read_agent(TomlTable table, Config& config) {
  assign(config.run_dir, table.absolute_path("run_dir"));
  assign(config.state_dir, table.absolute_path("state_dir"));
  assign(config.hook_socket, table.absolute_path("hook_socket"));
  assign(config.admin_socket, table.absolute_path("admin_socket"));
  finish_socket(table, "hook_socket", config.run_dir / "hook.sock", config.hook_socket);
  finish_socket(table, "admin_socket", config.run_dir / "admin.sock", config.admin_socket);
  table.finish();
}

void read_enforcement(TomlTable table, Config& config) {
  assign(config.backend, table.one_of("backend", {"auto", "lsm", "tracepoint"}));
  assign(config.unenrolled, table.one_of("unenrolled", {"allow", "audit", "deny"}));
  read_list(
      table, "pause_programs", USHER_EXEMPT_PROGRAMS, "absolute paths without . and ..",
      [](const std::string& path) {
        return path.starts_with('/') && path != "/" &&
               std::filesystem::path(path).lexically_normal().string() == path &&
               !path.ends_with('/');
      },
      config.pause_programs);
  read_list(
      table, "pod_cgroups", USHER_POD_ROOTS, "names of cgroups, without a slash",
      [](const std::string& name) {
        return !name.empty() && name.size() < NAME_MAX && name.find('/') == name.npos;
      },
      config.pod_cgroups);
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

void read_adapters(TomlTable table, Config& config, TomlErrors& errors,
                   const AdapterPath& adapter_path) {
  read_selection(table, config);
  assign(config.adapter_directory, table.absolute_path("directory"));
  for (const auto& name : config.adapters_selected) {
    std::error_code unknown;
    const auto path = adapter_path ? adapter_path(name, config.adapter_directory) : "/";
    if (!std::filesystem::exists(path, unknown)) {
      table.error("select", fmt::format("there is no adapter {}; install it or take \"{}\" out",
                                        escape(path.string()), escape(name)));
    }
  }
  table.finish([&](const policy::TomlEntry& entry) {
    if (const auto* inner = entry.value.as<policy::TomlTable>()) {
      auto read = read_settings(*inner, entry.at);
      for (const auto& problem : read.problems) {
        errors.add(problem.at, problem.message);
      }
      config.adapter_config[entry.key] = std::move(read.values);
      config.adapter_places[entry.key] = std::move(read.places);
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

void read_guest(TomlTable table, Config& config) {
  if (const auto relay = table.text("relay")) {
    if (const auto address = guest::parse_relay_address(*relay); !address) {
      table.error("relay", address.error().message);
    }
    config.guest_relay = *relay;
  }
  table.finish();
}

void read_compat(TomlTable table, Config& config, TomlErrors& errors) {
  if (const auto* node = table.node("tetragon")) {
    if (const auto* inner = node->as<policy::TomlTable>()) {
      read_tetragon(TomlTable(*inner, node->at, "[compat.tetragon]", errors), config);
    } else {
      table.error("tetragon", fmt::format("expected a table, found {}", node->type_name()));
    }
  }
  table.finish();
}

}  // namespace usher::agent
