// A record of the kernel's ring buffer, joined with the registry and the rule table.
#pragma once

#include <string>

#include "agent/registry.hpp"
#include "agent/rule_table.hpp"
#include "usher/v1/agent.pb.h"
#include "usher_bpf.h"

namespace usher::agent {

// `boot_offset_ns`: what is added to CLOCK_BOOTTIME to give the time since the epoch.
v1::Event decode_verdict(const usher_kernel_event& record, const Registry& registry,
                         const RuleTable& rules, std::int64_t boot_offset_ns);
// Adds whose an event is to one of a pod that nobody enrolled: by the path of its cgroup, or where
// that is empty (it is gone) by the names that the kernel told.
void name_by_cgroup(const usher_kernel_event& record, std::string cgroup, v1::Event& event);
v1::Event suppressed_event(std::uint32_t workload, std::uint32_t rule, std::uint64_t count,
                           const Registry& registry, const RuleTable& rules);
std::int64_t boot_offset_ns();

std::string_view operation_word(std::uint32_t kind);
std::string_view verdict_word(std::uint32_t verdict);

}  // namespace usher::agent
