// `usherctl runtime …`: what a container runtime's configuration needs, by that runtime's adapter.
// Needs no agent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "adapter/host.hpp"
#include "ctl/terminal.hpp"

namespace usher::ctl {

enum class RuntimeAction : std::uint8_t { plan, install, verify, uninstall };

struct RuntimeRequest {
  RuntimeAction action = RuntimeAction::plan;
  std::string adapter;  // a name in `directory`, or the path of an .so
  std::filesystem::path directory;
  bool trust_any_owner = false;
  std::string config;        // the node's configuration; empty: none is read
  adapter::Config settings;  // only what was given on the command line: it goes before `config`
};

// kOk; kFailed when the adapter says no (verify: something is not as install leaves it); kUsage
// when it cannot be loaded.
int run_runtime(const RuntimeRequest& request, const Terminal& terminal);

}  // namespace usher::ctl
