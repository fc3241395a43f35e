// The hook's arguments. On the host it has no configuration file: what is in the hook's JSON is all
// there is.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "hook/stage.hpp"

namespace usher::hook {

// Who starts without the agent. A namespace must match; every other kind that is given must hold
// too.
struct Exemptions {
  std::vector<std::string> namespaces = {"kube-system", "usher-system"};  // globs
  std::vector<std::pair<std::string, std::string>> labels;                // all must be there
  std::vector<std::pair<std::string, std::string>> annotations;           // all must be there
  std::vector<std::string> images;                                        // globs, one must match
};

enum class Action : std::uint8_t { run, print, help, version };

struct Options {
  Action action = Action::run;
  Stage stage = Stage::create_runtime;
  std::string runtime;
  std::string socket = "/run/usher/hook.sock";
  std::string spool = "/run/usher/failed-open";
  std::chrono::milliseconds timeout{5000};
  bool fail_open = false;
  Exemptions exempt;
};

// Where no --timeout is given: nobody waits for a hint, so an absent agent should not slow down the
// end of containers.
inline constexpr std::chrono::milliseconds kHintTimeout{1000};
inline constexpr std::chrono::milliseconds kLongestTimeout{600'000};

// `arguments` without the program's name. Errors are one sentence and a usage error (exit 2).
Result<Options> parse_options(std::span<const char* const> arguments);

std::string_view help_text();

}  // namespace usher::hook
