// The six OCI stages, with the numbers of HookStage in proto/usher/v1/hooks.proto.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace usher::hook {

enum class Stage : std::uint8_t {
  prestart = 1,
  create_runtime = 2,
  create_container = 3,
  start_container = 4,
  poststart = 5,
  poststop = 6,
};

inline constexpr std::array<std::string_view, 6> kStageNames = {
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};

constexpr std::string_view stage_name(Stage stage) {
  return kStageNames[static_cast<std::size_t>(stage) - 1];
}

constexpr std::optional<Stage> stage_named(std::string_view name) {
  for (std::size_t i = 0; i < kStageNames.size(); ++i) {
    if (kStageNames[i] == name) {
      return static_cast<Stage>(i + 1);
    }
  }
  return std::nullopt;
}

// poststart and poststop tell the agent something; they hold nothing up and cannot fail a
// container.
constexpr bool is_hint(Stage stage) {
  return stage == Stage::poststart || stage == Stage::poststop;
}

}  // namespace usher::hook
