#include "cri-o/hook_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace usher::cri_o {
namespace {

// The runtime kills the hook this much after the hook's own deadline, so that the hook's sentence
// is what the user sees. Seconds.
constexpr std::int64_t kMargin = 5;
// poststop only hints: a container's end does not wait longer for an agent that is away.
constexpr std::int64_t kHintTimeout = 1000;

std::string json_for(const HookOptions& options, const std::string& program, const char* stage,
                     std::int64_t timeout_ms) {
  nlohmann::ordered_json args = {
      "usher-hook", stage,          "--runtime", options.runtime,
      "--socket",   options.socket, "--timeout", std::to_string(timeout_ms),
      "--fail",     options.fail};
  for (const auto& glob : options.exempt_namespaces) {
    args.push_back("--exempt-namespace");
    args.push_back(glob);
  }
  nlohmann::ordered_json hook;
  hook["path"] = program;
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

std::vector<std::string> hook_file_names(const std::string& runtime) {
  return {"usher-" + runtime + "-gate.json", "usher-" + runtime + "-end.json"};
}

std::vector<HookFile> hook_files(const HookOptions& options, const std::string& program) {
  const auto names = hook_file_names(options.runtime);
  const auto hint_ms = std::min(options.timeout_ms, kHintTimeout);
  return {{names[0], json_for(options, program, "createRuntime", options.timeout_ms)},
          {names[1], json_for(options, program, "poststop", hint_ms)}};
}

}  // namespace usher::cri_o
