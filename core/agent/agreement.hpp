// Whether two records of one container or pod say the same, and what the second adds. Pure.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::agent {

// What both say is equal: pod, names, ids, handler, labels. What one of them leaves out (empty,
// labels not known) says nothing, but a container in a pod is not one in none; sandboxes may leave
// out their pod. Images are not compared: a runtime has several names for one. The error names the
// first part that differs, both values and both sources.
Result<> same_identity(const identity::Identity& known, const identity::Identity& other);

// Takes over from `other` what `known` leaves out; nothing that is there is changed. True where
// something was taken. The sources say what came from where.
bool learn(identity::Identity& known, const identity::Identity& other);

}  // namespace usher::agent
