// Checks that constraints make sense by themselves.
//
// Used on requests. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_CONSTRAINTS_CHECK_H_
#define ITHACA_DAEMON_PLANNER_CONSTRAINTS_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Sets `search`, `remainder_policy` and `ring_gradients` where unspecified and
// checks every field. Whether they can be met is not asked. Errors:
// INVALID_ARGUMENT naming the field below `path`.
absl::Status CompleteConstraints(const std::string& path, v1::Constraints& c);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_CONSTRAINTS_CHECK_H_
