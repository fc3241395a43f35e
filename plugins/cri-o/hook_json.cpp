#include "cri-o/hook_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cri-o/identify.hpp"

namespace usher::cri_o {
namespace {

using plugin::Failure;

// The runtime kills the hook this much after the hook's own deadline, so that the hook's sentence
// is what the user sees. Seconds.
constexpr std::int64_t kMargin = 5;
// poststop only hints: a container's end does not wait longer for an agent that is away.
constexpr std::int64_t kHintTimeout = 1000;
constexpr std::int64_t kMaxTimeout = 60'000;  // the kubelet gives up on a create after 2 minutes

[[noreturn]] void bad(const std::string& key, const std::string& why) {
  throw Failure("setting \"" + key + "\" " + why, USHER_INVALID);
}

void check_absolute(const std::string& key, const std::string& path) {
  if (!path.starts_with('/') || path.find_first_of(std::string("\n\0", 2)) != std::string::npos) {
    bad(key, "must be an absolute path");
  }
}

std::string json_for(const HookOptions& options, const char* stage, std::int64_t timeout_ms) {
  nlohmann::ordered_json args = {
      "usher-hook", stage,          "--runtime", options.runtime,
      "--socket",   options.socket, "--timeout", std::to_string(timeout_ms),
      "--fail",     options.fail};
  for (const auto& glob : options.exempt_namespaces) {
    args.push_back("--exempt-namespace");
    args.push_back(glob);
  }
  nlohmann::ordered_json hook;
  hook["path"] = options.hook_path;
  hook["args"] = std::move(args);
  // Without any variable the hook would inherit the runtime's whole environment.
  hook["env"] = nlohmann::ordered_json::array({"PATH=/usr/sbin:/usr/bin:/sbin:/bin"});
  hook["timeout"] = (timeout_ms + 999) / 1000 + kMargin;
  nlohmann::ordered_json file;
  file["version"] = "1.0.0";
  file["hook"] = std::move(hook);
  file["when"]["always"] = true;
  file["stages"] = nlohmann::ordered_json::array({stage});
  return file.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

HookOptions HookOptions::from(const plugin::Settings& settings) {
  settings.allow_only({"root", "runtime", "hooks_dir", "hook_source", "hook_path", "socket",
                       "timeout", "fail", "exempt_namespaces"});
  HookOptions o;
  o.root = settings.text("root", o.root);
  o.runtime = settings.text("runtime", o.runtime);
  o.hooks_dir = settings.text("hooks_dir", o.hooks_dir);
  o.hook_source = settings.text("hook_source", o.hook_source);
  o.hook_path = settings.text("hook_path", o.hook_path);
  o.socket = settings.text("socket", o.socket);
  o.timeout_ms = settings.integer("timeout", o.timeout_ms);
  o.fail = settings.text("fail", o.fail);
  o.exempt_namespaces = settings.list("exempt_namespaces");
  if (o.runtime != kCriO && o.runtime != kPodman) {
    bad("runtime", "must be cri-o or podman");
  }
  if (o.fail != "closed" && o.fail != "open") {
    bad("fail", "must be closed or open");
  }
  if (o.timeout_ms < 100 || o.timeout_ms > kMaxTimeout) {
    bad("timeout", "must be from 100 to " + std::to_string(kMaxTimeout) + " milliseconds");
  }
  for (const auto& [key, path] : {std::pair<std::string, std::string>("root", o.root),
                                  {"hook_source", o.hook_source},
                                  {"hook_path", o.hook_path},
                                  {"socket", o.socket}}) {
    check_absolute(key, path);
  }
  if (!o.hooks_dir.empty()) {
    check_absolute("hooks_dir", o.hooks_dir);
  }
  return o;
}

std::vector<HookFile> hook_files(const HookOptions& options) {
  const auto hint_ms = std::min(options.timeout_ms, kHintTimeout);
  return {{"usher-" + options.runtime + "-gate.json",
           json_for(options, "createRuntime", options.timeout_ms)},
          {"usher-" + options.runtime + "-end.json", json_for(options, "poststop", hint_ms)}};
}

}  // namespace usher::cri_o
