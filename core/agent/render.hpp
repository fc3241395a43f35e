// The agent's values as messages of usher.v1. Pure.
#pragma once

#include "adapter/host.hpp"
#include "agent/guests.hpp"
#include "agent/policy_store.hpp"
#include "agent/registry.hpp"
#include "usher/v1/agent.pb.h"

namespace usher::agent {

v1::Workload render(const Entry& entry);
// `who`: with what is known of its pod.
v1::Workload render(const GuestSandbox& sandbox, const GuestContainer& container,
                    const identity::Identity& who);
v1::Guest render(const GuestSandbox& sandbox, const identity::Identity& who);
v1::Policy render(const PolicyStore::Item& item);
v1::Adapter render(const adapter::AdapterInfo& info);

}  // namespace usher::agent
