// usher.toml: the node's configuration. Strict: an unknown key, a wrong type or a bad value is an
// error with file, line and column, and nothing is started.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/host.hpp"
#include "agent/log.hpp"
#include "agent/settings_table.hpp"
#include "base/error.hpp"

namespace usher::agent {

struct Config {
  std::filesystem::path file;  // that it was read from; empty: from none

  std::filesystem::path run_dir = "/run/usher";
  std::filesystem::path state_dir = "/var/lib/usher";
  std::filesystem::path hook_socket;   // not given: run_dir/hook.sock
  std::filesystem::path admin_socket;  // not given: run_dir/admin.sock

  std::string backend = "auto";      // auto, lsm, tracepoint
  std::string unenrolled = "allow";  // allow, audit, deny
  std::vector<std::string> pause_programs = {"/pause", "/usr/bin/pod"};
  std::vector<std::string> pod_cgroups = {"kubepods", "kubepods.slice", "kubelet-kubepods.slice"};
  std::filesystem::path pins = "/sys/fs/bpf/usher";
  std::uint32_t event_burst = 10;
  std::chrono::milliseconds event_window{1000};

  std::filesystem::path policy_directory = "/etc/usher/policy.d";
  bool allow_empty = false;

  bool adapters_automatic = true;
  std::vector<std::string> adapters_selected;
  std::filesystem::path adapter_directory = "/usr/lib/usher/adapters";
  std::map<std::string, adapter::Config, std::less<>> adapter_config;
  std::map<std::string, SettingPlaces, std::less<>> adapter_places;

  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::automatic;

  std::chrono::milliseconds hook_deadline{2000};

  std::filesystem::path tetragon_socket;  // empty: not served
  std::string guest_relay;  // where the host's relay listens; empty: this is no guest's agent

  std::string tetragon_runtime;  // of the containers whose hook asks there; may be empty

  // Where usher-hook leaves notes of containers that started without a verdict.
  std::filesystem::path spool() const { return run_dir / "failed-open"; }
};

// One error per problem, each "FILE:LINE:COLUMN: what is wrong, what was expected".
struct ConfigResult {
  Config config;
  std::vector<std::string> errors;
};

// The file of an adapter that was named in the configuration. Given: one that is not there is an
// error.
using AdapterPath =
    std::function<std::filesystem::path(const std::string& name, const std::filesystem::path&)>;

// `file` is only for messages.
ConfigResult parse_config(std::string_view text, const std::string& file,
                          const AdapterPath& adapter_path = {});
ConfigResult load_config(const std::filesystem::path& file, const AdapterPath& adapter_path = {});

// guest.toml, for --guest: usher.toml without [policies], [adapters] and [compat], with [guest].
// Its defaults are what they are in a guest: nothing is kept but below run_dir.
ConfigResult parse_guest_config(std::string_view text, const std::string& file);
ConfigResult load_guest_config(const std::filesystem::path& file);

adapter::HostOptions host_options(const Config& config);

// What an adapter says against its settings, with its place as in ConfigResult::errors.
std::string settings_error(const Config& config, const std::string& adapter,
                           const std::string& message);

// The configuration is read at a start only. What a person who has edited the file since and
// expects it to hold is to be told, in one line; empty: nothing.
std::string changed_since_start(const Config& began);

// "250ms", "2s", "1m".
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace usher::agent
