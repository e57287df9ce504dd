// Checks what a plan says of itself before its ranks: what the check of the
// ranks stands on.
//
// Used by the check of plans. Takes hostile input. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_VALIDATE_HEADER_H_
#define ITHACA_DAEMON_PLANNER_VALIDATE_HEADER_H_

#include "absl/status/status.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// OK when the model and the workload are complete and in bounds, the mesh
// covers the ranks and splits heads, layers and experts, the strategy and the
// layout belong together, and the bytes fit 63 bits. Errors: INVALID_ARGUMENT
// naming the field of the plan.
absl::Status CheckHeader(const v1::Plan& plan);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_VALIDATE_HEADER_H_
