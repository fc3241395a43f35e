#include "install/hook_object.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace usher::install {
namespace {

// The runtime kills the hook this much after the hook's own deadline, so that the hook's sentence
// is what the user sees. Seconds.
constexpr std::int64_t kMargin = 5;
constexpr std::int64_t kHintTimeout = 1000;

}  // namespace

std::int64_t timeout_of(const Options& options, const char* stage) {
  return std::string_view(stage) == "poststop" ? std::min(options.timeout_ms, kHintTimeout)
                                               : options.timeout_ms;
}

nlohmann::ordered_json hook_object(const Options& options, const std::string& program,
                                   const char* stage) {
  const auto timeout_ms = timeout_of(options, stage);
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
  return hook;
}

}  // namespace usher::install
