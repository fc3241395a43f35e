// Notes that usher-hook leaves when a container starts without the agent (it failed open or was
// exempt): reported as events and removed.
#pragma once

#include <cstddef>
#include <filesystem>

#include "agent/journal.hpp"

namespace usher::agent {

constexpr std::size_t kSpoolFiles = 1000;  // read in one pass
constexpr std::size_t kSpoolFileBytes = 64U << 10;

// How many starts were reported. What cannot be read is removed too, with a warning: the directory
// is root's own, and a broken note must not be told for ever.
std::size_t collect_spool(const std::filesystem::path& directory, Journal& journal);

}  // namespace usher::agent
