// Notes of containers that started without the agent: it reports and removes them when it is back.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "hook/exempt.hpp"
#include "hook/stage.hpp"

namespace usher::hook {

struct SpoolEntry {
  Stage stage = Stage::create_runtime;
  std::string_view runtime;
  const Subject* subject = nullptr;
  std::string_view reason;
};

// A directory with this many files is full: an absent agent must not fill /run.
inline constexpr std::size_t kMaxSpooled = 1000;

// {"time","stage","runtime","id","namespace","pod","reason"} in a file of its own below `directory`
// (made with its parent if missing): written under a name that begins with a dot, then renamed to
// NAME.json. Mode 0600.
Result<> write_spool(const std::string& directory, const SpoolEntry& entry);

}  // namespace usher::hook
