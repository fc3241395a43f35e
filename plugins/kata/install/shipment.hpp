// What goes into a guest: the hook, once for each of Kata's stages, and its configuration.
#pragma once

#include <string>
#include <vector>

#include "install/node.hpp"
#include "kata/install/settings.hpp"

namespace usher::kata {

inline constexpr const char* kStages[] = {"prestart", "poststart", "poststop"};
inline constexpr const char* kHookName = "usher-hook";
inline constexpr const char* kHookConfig = "usher-hook.conf";

// Of usher-hook.conf.
std::string hook_config(const InstallOptions& options);

// Which of the files in a folder of guest hooks Kata calls: regular ones with any x bit, no links,
// in no certain order.
struct Scanned {
  std::vector<std::string> called;
  std::vector<std::string> passed_over;  // "NAME: why"
};
Scanned scan(const install::Node& node, const std::string& folder);

}  // namespace usher::kata
