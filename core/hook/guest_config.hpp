// What a guest hook is told: `usher-hook.conf` in the folder above the binary's. A hook inside a
// Kata guest gets no arguments of ours and no environment.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::hook {

struct GuestConfig {
  std::string agent;             // socket of the guest's own agent; empty: there is none
  std::string relay_path;        // where `agent` is empty: a unix socket,
  std::uint32_t relay_port = 0;  // or, where that is empty too, this vsock port of the host
  std::chrono::milliseconds deadline{1500};
  bool fail_open = false;
};

inline constexpr std::string_view kGuestConfigName = "usher-hook.conf";
inline constexpr std::size_t kMaxGuestConfig = 4096;
inline constexpr std::chrono::milliseconds kShortestDeadline{400};
// The guest's runtime holds its lock while a hook runs, and waits for ten seconds at most.
inline constexpr std::chrono::milliseconds kLongestDeadline{2000};

// Lines of `key = value`; blank ones and those that begin with # are passed over. Unknown keys,
// keys given twice and values out of their bounds are errors.
Result<GuestConfig> parse_guest_config(std::string_view text);

// Errors name the file.
Result<GuestConfig> read_guest_config(const std::filesystem::path& path);

}  // namespace usher::hook
