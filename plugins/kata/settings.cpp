#include "kata/settings.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/escape.hpp"
#include "install/options.hpp"
#include "kata/setting_values.hpp"

namespace usher::kata {
namespace {

using install::bad_setting;

constexpr std::string_view kPlaces[] = {
    "/run/kata/{sandbox}/ch-vm.sock",
    "/run/kata/{sandbox}/kata.hvsock",
    "/run/kata/{sandbox}/root/kata.hvsock",
    "/run/vc/vm/{sandbox}/clh.sock",
    "/run/vc/firecracker/{sandbox:32}/root/kata.hvsock",
};

// Those that Kata listens on, or dials, itself.
constexpr std::uint32_t kKatasPorts[] = {1024, 1025, 1026, 1027, 4050, 10240};

constexpr std::int64_t kLongestDeadline = 10'000;

std::int64_t within(const plugin::Settings& settings, const std::string& key,
                    std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const auto value = settings.integer(key, otherwise);
  if (value < least || value > most) {
    bad_setting(key, "is " + std::to_string(value) + "; it must be " + std::to_string(least) +
                         " to " + std::to_string(most));
  }
  return value;
}

std::string absolute(const plugin::Settings& settings, const std::string& key,
                     std::string_view otherwise) {
  auto path = settings.text(key, otherwise);
  if (!path.empty()) {
    install::check_absolute(key, path);
  }
  return path;
}

Place place(std::string_view pattern) {
  auto parsed = Place::parse(pattern);
  if (!parsed) {
    bad_setting("sandboxes", "has \"" + escape(pattern) + "\": " + parsed.error().message);
  }
  return std::move(*parsed);
}

}  // namespace

Options Options::from(const plugin::Settings& settings) {
  settings.allow_only({"root",          "port",
                       "sandboxes",     "vsock",
                       "peer_cgroup",   "run_dir",
                       "missing_after", "missing",
                       "missing_known", "missing_handlers",
                       "cri.socket",    "cri.deadline_ms",
                       "hook_source",   "ship_dir",
                       "guest_path",    "bind",
                       "agent",         "hypervisor",
                       "shims",         "image",
                       "hook_deadline", "hook_fail"});
  Options o;
  o.root = absolute(settings, "root", o.root);
  o.port = static_cast<std::uint32_t>(within(settings, "port", o.port, 1, 0x7fffffff));
  if (std::ranges::find(kKatasPorts, o.port) != std::end(kKatasPorts)) {
    bad_setting("port", "is " + std::to_string(o.port) + ", which Kata uses itself");
  }
  o.named_places = settings.has("sandboxes");
  if (o.named_places) {
    for (const auto& pattern : list(settings, "sandboxes")) {
      o.places.push_back(place(pattern));
    }
  } else {
    for (const auto pattern : kPlaces) {
      o.places.push_back(place(pattern));
    }
  }
  o.vsock = settings.boolean("vsock", o.vsock);
  o.check_cgroup = one_of(settings, "peer_cgroup", {"check", "ignore"}) == "check";
  o.run_dir = absolute(settings, "run_dir", o.run_dir);
  o.missing_after = duration(settings, "missing_after", o.missing_after);
  o.missing_kill = one_of(settings, "missing", {"report", "kill"}) == "kill";
  o.missing_known = settings.boolean("missing_known", o.missing_known);
  if (settings.has("missing_handlers")) {
    o.missing_handlers = list(settings, "missing_handlers");
  }
  o.cri_socket = absolute(settings, "cri.socket", "");
  o.cri_deadline = std::chrono::milliseconds(
      within(settings, "cri.deadline_ms", o.cri_deadline.count(), 1, kLongestDeadline));
  return o;
}

}  // namespace usher::kata
