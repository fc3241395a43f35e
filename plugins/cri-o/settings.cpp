#include "cri-o/settings.hpp"

#include <utility>

#include "cri-o/identify.hpp"

namespace usher::cri_o {
namespace {

using plugin::Failure;

constexpr std::int64_t kMaxTimeout = 60'000;  // the kubelet gives up on a create after 2 minutes

[[noreturn]] void bad(const std::string& key, const std::string& why) {
  throw Failure("setting \"" + key + "\" " + why, USHER_INVALID);
}

void check_absolute(const std::string& key, const std::string& path) {
  if (!path.starts_with('/') || path.find_first_of(std::string("\n\0", 2)) != std::string::npos) {
    bad(key, "must be an absolute path");
  }
}

void check(const HookOptions& o) {
  if (o.runtime != kCriO && o.runtime != kPodman) {
    bad("runtime", "must be cri-o or podman");
  }
  if (o.fail != "closed" && o.fail != "open") {
    bad("fail", "must be closed or open");
  }
  if (o.timeout_ms < 100 || o.timeout_ms > kMaxTimeout) {
    bad("timeout", "must be from 100 to " + std::to_string(kMaxTimeout) + " milliseconds");
  }
  for (const auto& [key, path] : {std::pair<std::string, std::string>("root", o.root),
                                  {"hook_source", o.hook_source},
                                  {"hook_dir", o.hook_dir},
                                  {"socket", o.socket}}) {
    check_absolute(key, path);
  }
  if (!o.hooks_dir.empty()) {
    check_absolute("hooks_dir", o.hooks_dir);
  }
}

}  // namespace

void check_keys(const plugin::Settings& settings) {
  settings.allow_only({"root", "runtime", "hooks_dir", "hook_source", "hook_dir", "socket",
                       "timeout", "fail", "exempt_namespaces", "install", "uninstall_on_stop",
                       "cri.socket", "cri.deadline_ms"});
}

HookOptions HookOptions::from(const plugin::Settings& settings) {
  check_keys(settings);
  HookOptions o;
  o.root = settings.text("root", o.root);
  o.runtime = settings.text("runtime", o.runtime);
  o.hooks_dir = settings.text("hooks_dir", o.hooks_dir);
  o.hook_source = settings.text("hook_source", o.hook_source);
  o.hook_dir = settings.text("hook_dir", o.hook_dir);
  o.socket = settings.text("socket", o.socket);
  o.timeout_ms = settings.integer("timeout", o.timeout_ms);
  o.fail = settings.text("fail", o.fail);
  o.exempt_namespaces = settings.list("exempt_namespaces");
  o.install = settings.boolean("install", o.install);
  o.uninstall_on_stop = settings.boolean("uninstall_on_stop", o.uninstall_on_stop);
  check(o);
  // "/opt/usher/bin/" and "/opt/usher/bin" are one place.
  while (o.hook_dir.size() > 1 && o.hook_dir.ends_with('/')) {
    o.hook_dir.pop_back();
  }
  return o;
}

}  // namespace usher::cri_o
