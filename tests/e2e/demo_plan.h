// A planner's plan as the kernels take it.
#ifndef ITHACA_TESTS_E2E_DEMO_PLAN_H_
#define ITHACA_TESTS_E2E_DEMO_PLAN_H_

#include <string>

#include "absl/status/statusor.h"
#include "ithaca/planner/v1/planner.pb.h"
#include "kernels/api/flat_plan.h"

namespace ithaca::e2e {

// One Ulysses group over all ranks of the plan, contiguous tokens. Errors:
// UNIMPLEMENTED for other meshes and layouts, INVALID_ARGUMENT for a plan with
// no detail per rank.
absl::StatusOr<ulysses::FlatPlan> ToFlatPlan(const planner::v1::Plan& plan);

// The value of ithaca_ulysses_dtype, or an error.
absl::StatusOr<int> ToUlyssesDtype(planner::v1::DataType type);

}  // namespace ithaca::e2e

#endif  // ITHACA_TESTS_E2E_DEMO_PLAN_H_
