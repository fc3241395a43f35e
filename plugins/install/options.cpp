#include "install/options.hpp"

#include <utility>

namespace usher::install {
namespace {

constexpr std::int64_t kMaxTimeout = 60'000;  // the kubelet gives up on a create after 2 minutes

}  // namespace

void bad_setting(const std::string& key, const std::string& why) {
  throw plugin::Failure("setting \"" + key + "\" " + why, USHER_INVALID);
}

void check_absolute(const std::string& key, const std::string& path) {
  if (!path.starts_with('/') || path.find_first_of(std::string("\n\0", 2)) != std::string::npos) {
    bad_setting(key, "must be an absolute path");
  }
}

void Options::read(const plugin::Settings& settings) {
  root = settings.text("root", root);
  hook_source = settings.text("hook_source", hook_source);
  hook_dir = settings.text("hook_dir", hook_dir);
  socket = settings.text("socket", socket);
  timeout_ms = settings.integer("timeout", timeout_ms);
  fail = settings.text("fail", fail);
  exempt_namespaces = settings.list("exempt_namespaces");
  if (fail != "closed" && fail != "open") {
    bad_setting("fail", "must be closed or open");
  }
  if (timeout_ms < 100 || timeout_ms > kMaxTimeout) {
    bad_setting("timeout", "must be from 100 to " + std::to_string(kMaxTimeout) + " milliseconds");
  }
  for (const auto& [key, path] : {std::pair<std::string, std::string>("root", root),
                                  {"hook_source", hook_source},
                                  {"hook_dir", hook_dir},
                                  {"socket", socket}}) {
    check_absolute(key, path);
  }
  // "/opt/usher/bin/" and "/opt/usher/bin" are one place.
  while (hook_dir.size() > 1 && hook_dir.ends_with('/')) {
    hook_dir.pop_back();
  }
}

}  // namespace usher::install
