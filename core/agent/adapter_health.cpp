#include "agent/adapter_health.hpp"

#include <fmt/format.h>

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

}  // namespace usher::agent
