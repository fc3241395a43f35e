#include "containerd/install/base_spec.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "install/hook_object.hpp"

namespace usher::containerd {
namespace {

using Json = nlohmann::ordered_json;

bool is_ours(const Json& hook) {
  const auto args = hook.find("args");
  return args != hook.end() && args->is_array() && !args->empty() && args->front() == "usher-hook";
}

}  // namespace

Result<std::string> base_spec(std::string_view from, SpecOrigin origin,
                              const install::Options& options, const std::string& program) {
  Json spec = Json::parse(from, nullptr, false);
  if (!spec.is_object()) {
    return fail("it is no JSON object, as a base runtime spec is");
  }
  if (origin == SpecOrigin::containerd) {
    if (const auto process = spec.find("process"); process != spec.end() && process->is_object()) {
      process->erase("rlimits");
    }
  }
  // JSON's null is Go's empty.
  Json& hooks = spec["hooks"];
  if (hooks.is_null()) {
    hooks = Json::object();
  }
  for (const char* stage : {"createRuntime", "poststop"}) {
    if (!hooks.is_object()) {
      return fail("its \"hooks\" is no object");
    }
    Json& list = hooks[stage];
    if (list.is_null()) {
      list = Json::array();
    }
    if (!list.is_array() ||
        !std::ranges::all_of(list, [](const Json& hook) { return hook.is_object(); })) {
      return fail("its \"hooks." + std::string(stage) + "\" is no list of objects");
    }
    Json kept = Json::array();
    for (auto& hook : list) {
      if (!is_ours(hook)) {
        kept.push_back(std::move(hook));
      }
    }
    kept.push_back(install::hook_object(options, program, stage));
    list = std::move(kept);
  }
  return spec.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool holds_our_hook(std::string_view text) {
  const Json spec = Json::parse(text, nullptr, false);
  const auto hooks = spec.is_object() ? spec.find("hooks") : spec.end();
  if (hooks == spec.end() || !hooks->is_object()) {
    return false;
  }
  return std::ranges::any_of(*hooks, [](const Json& list) {
    return list.is_array() && std::ranges::any_of(list, [](const Json& hook) {
             return hook.is_object() && is_ours(hook);
           });
  });
}

bool is_no_spec(std::string_view text) {
  return !Json::parse(text, nullptr, false).is_object();
}

}  // namespace usher::containerd
