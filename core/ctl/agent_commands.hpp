// The commands that ask the agent. Each prints its answer and gives the exit code.
#pragma once

#include <cstdint>
#include <string>

#include "api/client.hpp"
#include "ctl/terminal.hpp"

namespace usher::ctl {

int show_status(api::Client& client, const Terminal& terminal);
int show_workloads(api::Client& client, const Terminal& terminal);
int show_policies(api::Client& client, const Terminal& terminal);
int show_adapters(api::Client& client, const Terminal& terminal);
int explain(api::Client& client, const Terminal& terminal, const v1::ExplainRequest& question);
int show_events(api::Client& client, const Terminal& terminal, bool follow, std::uint32_t history);
int set_mode(api::Client& client, const Terminal& terminal, const std::string& mode);
// Asks first, unless `sure`; without anybody to ask it does nothing.
int release(api::Client& client, const Terminal& terminal, const std::string& workload, bool sure);
int reload(api::Client& client, const Terminal& terminal);

// Says on err why a call failed; the exit code of that kind.
int report(const Terminal& terminal, const api::CallError& error);

}  // namespace usher::ctl
