// What has changed in the configuration's file since the agent began.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/config.hpp"

namespace usher::agent {

namespace {

// The keys of which the two say other things, as people write them.
std::vector<std::string> differing(const Config& began, const Config& now) {
  std::vector<std::string> keys;
  const auto compare = [&](const char* key, auto Config::* member) {
    if (began.*member != now.*member) {
      keys.emplace_back(key);
    }
  };
  compare("agent.run_dir", &Config::run_dir);
  compare("agent.state_dir", &Config::state_dir);
  compare("agent.hook_socket", &Config::hook_socket);
  compare("agent.admin_socket", &Config::admin_socket);
  compare("enforcement.backend", &Config::backend);
  compare("enforcement.unenrolled", &Config::unenrolled);
  compare("enforcement.pause_programs", &Config::pause_programs);
  compare("enforcement.pod_cgroups", &Config::pod_cgroups);
  compare("enforcement.pins", &Config::pins);
  compare("enforcement.event_burst", &Config::event_burst);
  compare("enforcement.event_window", &Config::event_window);
  compare("policies.directory", &Config::policy_directory);
  compare("policies.allow_empty", &Config::allow_empty);
  if (began.adapters_automatic != now.adapters_automatic ||
      began.adapters_selected != now.adapters_selected) {
    keys.emplace_back("adapters.select");
  }
  compare("adapters.directory", &Config::adapter_directory);
  compare("adapters (their settings)", &Config::adapter_config);
  compare("log.level", &Config::log_level);
  compare("log.format", &Config::log_format);
  compare("hook.deadline", &Config::hook_deadline);
  compare("compat.tetragon.socket", &Config::tetragon_socket);
  compare("compat.tetragon.runtime", &Config::tetragon_runtime);
  return keys;
}

}  // namespace

std::string changed_since_start(const Config& began) {
  if (began.file.empty()) {
    return "";
  }
  const auto now =
      began.guest_relay.empty() ? load_config(began.file) : load_guest_config(began.file);
  if (!now.errors.empty()) {
    return fmt::format(
        "the configuration is read at a start only, and the next one would refuse "
        "it: {}",
        now.errors.front());
  }
  const auto keys = differing(began, now.config);
  return keys.empty() ? ""
                      : fmt::format(
                            "{} has changed since this agent began ({}): that needs a "
                            "restart, a reload takes policies alone",
                            began.file.string(), fmt::join(keys, ", "));
}

}  // namespace usher::agent
