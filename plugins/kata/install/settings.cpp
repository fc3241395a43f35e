#include "kata/install/settings.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "kata/setting_values.hpp"
#include "kata/settings.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;
using install::bad_setting;

constexpr const char* kInImage = "/usr/share/usher/hooks";
// As the hook itself takes it.
constexpr std::chrono::milliseconds kShortestHook{400};
constexpr std::chrono::milliseconds kLongestHook{2000};
// Where Kata shows what sandbox_bind_mounts names, each by its last component.
constexpr const char* kBound = "/run/kata-containers/shared/containers/passthrough/sandbox-mounts";

void check_name(const std::string& key, const std::string& name) {
  if (!std::ranges::all_of(
          name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; })) {
    bad_setting(key, "must be letters, digits, '-' and '_'");
  }
}

// Goes into TOML and into a file of lines as it is.
void check_plain(const std::string& key, const std::string& path) {
  install::check_absolute(key, path);
  if (!std::ranges::all_of(path, [](unsigned char c) {
        return std::isgraph(c) != 0 && c != '"' && c != '\\' && c != '\'' && c != '#';
      })) {
    bad_setting(key, "must hold no blanks, quotes, backslashes or '#'");
  }
}

}  // namespace

InstallOptions InstallOptions::from(const plugin::Settings& settings) {
  InstallOptions o;
  o.port = kata::Options::from(settings).port;  // and every key is checked
  o.root = settings.text("root", o.root);
  o.hook_source = settings.text("hook_source", o.hook_source);
  o.ship_dir = settings.text("ship_dir", o.ship_dir);
  while (o.ship_dir.size() > 1 && o.ship_dir.ends_with('/')) {
    o.ship_dir.pop_back();
  }
  check_plain("ship_dir", o.ship_dir);
  if (fs::path(o.ship_dir).filename().empty()) {
    bad_setting("ship_dir", "must name a directory of its own");
  }
  o.bind = settings.boolean("bind", o.bind);
  o.guest_path = settings.text(
      "guest_path",
      o.bind ? (fs::path(kBound) / fs::path(o.ship_dir).filename() / "hooks").string() : kInImage);
  check_plain("guest_path", o.guest_path);
  o.agent = settings.text("agent", "");
  if (!o.agent.empty()) {
    check_plain("agent", o.agent);
  }
  o.hypervisor = settings.text("hypervisor", "");
  check_name("hypervisor", o.hypervisor);
  if (settings.has("shims")) {
    o.shims = list(settings, "shims");
  }
  for (const auto& shim : o.shims) {
    check_name("shims", shim);
  }
  o.hook_deadline = duration(settings, "hook_deadline", o.hook_deadline);
  if (o.hook_deadline < kShortestHook || o.hook_deadline > kLongestHook) {
    bad_setting("hook_deadline", "must be 400ms to 2s: the kata-agent holds its lock meanwhile");
  }
  o.hook_open = one_of(settings, "hook_fail", {"closed", "open"}) == "open";
  o.image = settings.text("image", "");
  if (!o.image.empty()) {
    install::check_absolute("image", o.image);
  }
  install::check_absolute("hook_source", o.hook_source);
  o.hook_dir = o.ship_dir;  // its lock
  return o;
}

}  // namespace usher::kata
