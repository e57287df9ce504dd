// Why a plan is as it is, in words.
//
// Used by the planner's service and by tools. Takes hostile input. Pure; safe
// from any thread.
#ifndef ITHACA_DAEMON_PLANNER_EXPLAIN_H_
#define ITHACA_DAEMON_PLANNER_EXPLAIN_H_

#include "absl/status/statusor.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Errors: INVALID_ARGUMENT naming the field when there is no plan, its model or
// workload make no sense, or the request does not.
absl::StatusOr<v1::ExplainResponse> ExplainPlan(
    const v1::ExplainRequest& request);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_EXPLAIN_H_
