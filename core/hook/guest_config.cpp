#include "hook/guest_config.hpp"

#include <sys/un.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::hook {
namespace {

constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::array<std::string_view, 4> kKeys = {"agent", "relay", "deadline", "fail"};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

bool is_socket_path(std::string_view path) {
  return path.starts_with('/') && path.size() <= kMaxSocketPath &&
         path.find('\0') == std::string_view::npos;
}

Result<> set_relay(GuestConfig& config, std::string_view value) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kVsock = "vsock:";
  if (value.starts_with(kUnix) && is_socket_path(value.substr(kUnix.size()))) {
    config.relay_path = value.substr(kUnix.size());
    return {};
  }
  const auto port = value.starts_with(kVsock) ? number(value.substr(kVsock.size())) : std::nullopt;
  if (!port || *port == 0 || *port == UINT32_MAX) {
    return fail("relay must be vsock:PORT or unix:/PATH");
  }
  config.relay_port = *port;
  return {};
}

Result<> set(GuestConfig& config, std::string_view key, std::string_view value) {
  if (key == "agent") {
    if (!is_socket_path(value)) {
      return fail("agent must be an absolute path of at most " + std::to_string(kMaxSocketPath) +
                  " bytes");
    }
    config.agent = value;
    return {};
  }
  if (key == "relay") {
    return set_relay(config, value);
  }
  if (key == "deadline") {
    const auto ms =
        value.ends_with("ms") ? number(value.substr(0, value.size() - 2)) : std::nullopt;
    if (!ms || *ms < kShortestDeadline.count() || *ms > kLongestDeadline.count()) {
      return fail("deadline must be from " + std::to_string(kShortestDeadline.count()) + "ms to " +
                  std::to_string(kLongestDeadline.count()) + "ms");
    }
    config.deadline = std::chrono::milliseconds(*ms);
    return {};
  }
  if (value != "closed" && value != "open") {
    return fail("fail must be closed or open");
  }
  config.fail_open = value == "open";
  return {};
}

}  // namespace

Result<GuestConfig> parse_guest_config(std::string_view text) {
  GuestConfig config;
  std::array<bool, kKeys.size()> seen{};
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.starts_with('#')) {
      continue;
    }
    const std::string where = "line " + std::to_string(number);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      return fail(where + ": it must have the form KEY = VALUE");
    }
    const auto key = trimmed(line.substr(0, equals));
    std::size_t index = 0;
    while (index < kKeys.size() && kKeys[index] != key) {
      ++index;
    }
    if (index == kKeys.size()) {
      return fail(where + ": unknown key \"" + escape(key.substr(0, 64)) +
                  "\"; known are agent, relay, deadline and fail");
    }
    if (std::exchange(seen[index], true)) {
      return fail(where + ": " + std::string(key) + " is given twice");
    }
    if (auto done = set(config, key, trimmed(line.substr(equals + 1))); !done) {
      return fail_in(where, std::move(done).error());
    }
  }
  if (config.agent.empty() && config.relay_path.empty() && config.relay_port == 0) {
    return fail("it names nobody to ask: say relay = vsock:PORT, or agent = /PATH");
  }
  return config;
}

Result<GuestConfig> read_guest_config(const std::filesystem::path& path) {
  const auto text = read_file(path, kMaxGuestConfig);
  if (!text) {
    return std::unexpected(text.error());
  }
  auto config = parse_guest_config(*text);
  if (!config) {
    return fail_in(path.string(), std::move(config).error());
  }
  return config;
}

}  // namespace usher::hook
