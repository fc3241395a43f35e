// What every installer of a hook lets an operator choose.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "usher/plugin.hpp"

namespace usher::install {

class SeenFiles;

struct Options {
  std::string runtime;  // what the hook names with --runtime
  std::string root = "/";
  std::string hook_source = "/usr/libexec/usher/usher-hook";
  // The program lies there as usher-hook-VERSION; /usr may be read-only.
  std::string hook_dir = "/opt/usher/bin";
  std::string socket = "/run/usher/hook.sock";
  std::int64_t timeout_ms = 5000;
  std::string fail = "closed";
  std::vector<std::string> exempt_namespaces;  // empty: usher-hook's own default
  // No setting: false where the agent's loop waits, which stands still meanwhile.
  bool may_wait = true;
  // No setting: what the caller learnt of files in earlier calls. Null: everything is read anew.
  std::shared_ptr<SeenFiles> seen;

  // Everything but `runtime`. Throws plugin::Failure that names the setting.
  void read(const plugin::Settings& settings);
};

[[noreturn]] void bad_setting(const std::string& key, const std::string& why);
// Throws where it is none.
void check_absolute(const std::string& key, const std::string& path);

}  // namespace usher::install
