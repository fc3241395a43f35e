// The agent's values as messages of usher.v1. Pure.
#pragma once

#include "adapter/host.hpp"
#include "agent/policy_store.hpp"
#include "agent/registry.hpp"
#include "usher/v1/agent.pb.h"

namespace usher::agent {

v1::Workload render(const Entry& entry);
v1::Policy render(const PolicyStore::Item& item);
v1::Adapter render(const adapter::AdapterInfo& info);

}  // namespace usher::agent
