// `usherctl explain`: what the kernel would decide, out of the memory that it reads.
#pragma once

#include "agent/guests.hpp"
#include "agent/registry.hpp"
#include "agent/rule_table.hpp"
#include "base/error.hpp"
#include "enforce/enforcer.hpp"
#include "policy/evaluate.hpp"
#include "usher/v1/agent.pb.h"

namespace usher::agent {

// The request as a question; errors say what was expected.
Result<policy::Query> parse_query(const v1::ExplainRequest& request);

Result<v1::ExplainResponse> explain(const v1::ExplainRequest& request, const Registry& registry,
                                    const RuleTable& rules, const enforce::Enforcer& enforcer);

// For a guest's container: what its guest's kernel would decide, out of the policies that it was
// sent. Which of its directories link into /usr is not known here.
Result<v1::ExplainResponse> explain(const v1::ExplainRequest& request, const GuestSandbox& sandbox,
                                    const GuestContainer& container);

}  // namespace usher::agent
