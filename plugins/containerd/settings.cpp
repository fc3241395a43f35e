#include "containerd/settings.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

namespace usher::containerd {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLongestDeadline = 10'000;
constexpr std::int64_t kMaxTimeout = 60'000;
// The runtime kills the hook this much after the hook's own deadline. Seconds.
constexpr std::int64_t kMargin = 5;
// poststop only hints: a container's end does not wait longer for an agent that is away.
constexpr std::int64_t kHintTimeout = 1000;

[[noreturn]] void bad(const std::string& key, const std::string& why) {
  throw plugin::Failure("setting \"" + key + "\" " + why, USHER_INVALID);
}

std::int64_t within(const plugin::Settings& settings, const std::string& key,
                    std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const auto value = settings.integer(key, otherwise);
  if (value < least || value > most) {
    bad(key, "is " + std::to_string(value) + "; it must be " + std::to_string(least) + " to " +
                 std::to_string(most));
  }
  return value;
}

std::string absolute(const plugin::Settings& settings, const std::string& key,
                     std::string_view otherwise) {
  auto path = settings.text(key, otherwise);
  if (!path.starts_with('/') || path.find_first_of(std::string("\n\0", 2)) != std::string::npos) {
    bad(key, "must be an absolute path");
  }
  return path;
}

nri::Hook hook(const plugin::Settings& settings, const char* stage, std::int64_t timeout_ms) {
  nri::Hook hook;
  hook.path =
      (fs::path(absolute(settings, "hook_dir", "/opt/usher/bin")) / ("usher-hook-" USHER_VERSION))
          .string();
  const auto fail = settings.text("fail", "closed");
  if (fail != "closed" && fail != "open") {
    bad("fail", "must be closed or open");
  }
  hook.args = {"usher-hook", stage,
               "--runtime",  "containerd",
               "--socket",   absolute(settings, "socket", "/run/usher/hook.sock"),
               "--timeout",  std::to_string(timeout_ms),
               "--fail",     fail};
  for (const auto& glob : settings.list("exempt_namespaces")) {
    hook.args.insert(hook.args.end(), {"--exempt-namespace", glob});
  }
  // Without any variable the hook would inherit the runtime's whole environment.
  hook.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  hook.timeout = (timeout_ms + 999) / 1000 + kMargin;
  return hook;
}

Gate gate_of(const std::string& mode) {
  if (mode == "closed") {
    return Gate::closed;
  }
  if (mode == "nri") {
    return Gate::nri;
  }
  if (mode == "inject") {
    return Gate::inject;
  }
  bad("mode", "must be closed, nri or inject");
}

}  // namespace

Options Options::from(const plugin::Settings& settings) {
  settings.allow_only({"root",
                       "mode",
                       "nri.socket",
                       "nri.name",
                       "nri.index",
                       "cri.socket",
                       "cri.deadline_ms",
                       "kata_handlers",
                       "hook_source",
                       "hook_dir",
                       "socket",
                       "timeout",
                       "fail",
                       "runtime",
                       "exempt_namespaces",
                       "config",
                       "spec_dir",
                       "runtimes",
                       "containerd",
                       "ctr"});
  Options o;
  o.root = absolute(settings, "root", o.root);
  o.gate = gate_of(settings.text("mode", "closed"));
  const bool whole = fs::path(o.root).lexically_normal() == "/";
  const fs::path root(o.root);
  o.nri_socket = absolute(settings, "nri.socket",
                          whole ? "/var/run/nri/nri.sock" : (root / "run/nri/nri.sock").string());
  o.cri_socket = absolute(settings, "cri.socket",
                          whole ? "/run/containerd/containerd.sock"
                                : (root / "run/containerd/containerd.sock").string());
  o.nri_name = settings.text("nri.name", o.nri_name);
  if (o.nri_name.empty() || o.nri_name.size() > 64 ||
      !std::ranges::all_of(o.nri_name, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
      })) {
    bad("nri.name", "must be 1 to 64 letters, digits, '-', '_' and '.'");
  }
  o.nri_index = settings.text("nri.index", o.nri_index);
  if (o.nri_index.size() != 2 ||
      !std::ranges::all_of(o.nri_index, [](unsigned char c) { return std::isdigit(c) != 0; })) {
    bad("nri.index", "must be two digits in quotes, \"00\" to \"99\"");
  }
  o.cri_deadline = std::chrono::milliseconds(
      within(settings, "cri.deadline_ms", o.cri_deadline.count(), 1, kLongestDeadline));
  if (settings.has("kata_handlers")) {
    o.kata_handlers = settings.list("kata_handlers");
  }
  const auto timeout = within(settings, "timeout", 5000, 100, kMaxTimeout);
  o.injected.create_runtime = {hook(settings, "createRuntime", timeout)};
  o.injected.poststop = {hook(settings, "poststop", std::min(timeout, kHintTimeout))};
  return o;
}

}  // namespace usher::containerd
