#include "agent/adapter_health.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/shown.hpp"

namespace usher::agent {

std::vector<std::string> adapter_warnings(const std::vector<adapter::AdapterInfo>& adapters) {
  using State = adapter::AdapterInfo::State;
  std::vector<std::string> out;
  for (const auto& info : adapters) {
    if (info.state == State::failed) {
      out.push_back(fmt::format(
          "adapter {} failed, its runtime's containers are not identified: {}; mend it and start "
          "usherd again",
          info.name, info.reason));
    } else if (info.state == State::running && info.health != "healthy") {
      out.push_back(fmt::format("adapter {} is {}: {}", info.name, info.health, info.reason));
    }
  }
  return out;
}

bool is_served(const std::vector<adapter::AdapterInfo>& adapters, std::string_view runtime) {
  return std::ranges::any_of(adapters, [&](const adapter::AdapterInfo& info) {
    return info.state == adapter::AdapterInfo::State::running &&
           std::ranges::find(info.runtimes, runtime) != info.runtimes.end();
  });
}

std::optional<std::string> unserved_warning(const std::vector<adapter::AdapterInfo>& adapters,
                                            const std::string& runtime) {
  if (runtime.empty() || is_served(adapters, runtime)) {
    return std::nullopt;
  }
  std::string served;
  for (const auto& info : adapters) {
    for (const auto& name : info.runtimes) {
      if (is_served(adapters, name)) {
        served += (served.empty() ? "" : ", ") + name;
      }
    }
  }
  return fmt::format(
      "[compat.tetragon] in usher.toml names runtime \"{}\", which no running adapter serves: "
      "every "
      "container whose hook asks at that socket is refused; {}",
      shown(runtime), served.empty() ? "no adapter runs" : "served are " + served);
}

}  // namespace usher::agent
