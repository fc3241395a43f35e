// Asks the adapters about their settings before anything is started: what Host::start would refuse
// is told while the configuration is read, with nothing in the kernel yet.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapter/host.hpp"

namespace usher::adapter {

struct RefusedSettings {
  std::string adapter;
  std::string message;  // says what to do
};

// Loads what Host::start would and calls its probes, which have no side effects. Empty: no settings
// are refused. Adapters that cannot be loaded, or whose runtime is not here, are left to the start.
std::vector<RefusedSettings> refused_settings(const HostOptions& options);

// The files that `options` choose from.
Result<std::vector<std::filesystem::path>> candidates(const HostOptions& options);

// Whether `error`, from an adapter's probe or create, says that it does not take these settings:
// with them the agent does not start, whatever chose the adapter.
bool refuses_settings(const Error& error, const Config& config);

}  // namespace usher::adapter
