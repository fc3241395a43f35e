// What a runtime tells over NRI of pods and containers, checked and bounded. Pure: the bytes are
// the runtime's, but much in them is a pod author's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "cri/records.hpp"

namespace usher::nri {

// NRI's numbers; 1 << (number - 1) is an event's bit in a subscription.
enum class Event : std::int32_t {
  run_pod_sandbox = 1,
  stop_pod_sandbox = 2,
  remove_pod_sandbox = 3,
  create_container = 4,
  post_create_container = 5,
  start_container = 6,
  post_start_container = 7,
  update_container = 8,
  post_update_container = 9,
  stop_container = 10,
  remove_container = 11,
  update_pod_sandbox = 12,
  post_update_pod_sandbox = 13,
  validate_container_adjustment = 14,
};

constexpr std::int32_t bit(Event event) {
  return 1 << (static_cast<std::int32_t>(event) - 1);
}
// Runtimes with NRI up to 0.9 drop a plugin without a word that asks for more than these.
inline constexpr std::int32_t kOldestEvents = 0x7ff;

// As CRI tells it, and where it is.
struct Pod : cri::Sandbox {
  std::string cgroup_path;
  int pid = 0;  // of the pause process, or 0
};

struct Container {
  enum class State { unknown = 0, created = 1, paused = 2, running = 3, stopped = 4 };
  std::string id;
  std::string sandbox_id;
  std::string name;
  std::string image;  // the name that was asked for, or empty
  std::string cgroup_path;
  State state = State::unknown;
  int pid = 0;  // of its init, or 0
};

struct Configure {
  std::string runtime_name;
  std::string runtime_version;
  std::chrono::milliseconds request_timeout{0};  // 0: not told
};

// One bad record does not spoil the list: `problems` names it.
struct Synchronize {
  std::vector<Pod> pods;
  std::vector<Container> containers;
  std::vector<std::string> problems;
  bool more = false;
};

// `event` is a number that this file does not name where a newer runtime sends it.
struct Notice {
  Event event{};
  std::optional<Pod> pod;
  std::optional<Container> container;
};

Result<Configure> read_configure(std::string_view payload);
Result<Synchronize> read_synchronize(std::string_view payload);

// Is this one of the Plugin service's methods that tell of one pod or container?
bool is_notice(std::string_view method);
// Of such a method, StateChange among them. Errors name the record and what is wrong with it.
Result<Notice> read_notice(std::string_view method, std::string_view payload);

}  // namespace usher::nri
