// The planner: who holds which tokens and heads, and who sends how much to
// whom.
//
// Used by the gRPC service, by ithacactl (which plans without a daemon too) and
// by tests. Pure functions, deterministic: no I/O, no clock, no randomness, no
// state. Safe from any thread. Milliseconds at most for every request that they
// take.
#ifndef ITHACA_DAEMON_PLANNER_PLANNER_H_
#define ITHACA_DAEMON_PLANNER_PLANNER_H_

#include "absl/status/statusor.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Plans. When no plan meets the constraints the answer is OK with no plans, and
// rejected(0) says why and what would work. Errors: INVALID_ARGUMENT, with the
// path of the field at fault in front, for a request that makes no sense.
absl::StatusOr<v1::PlanResponse> MakePlan(const v1::PlanRequest& request);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLANNER_H_
