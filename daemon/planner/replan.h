// Plans for what is left when nodes go or come.
//
// Used by the planner's service and by tools. Takes hostile input. Pure; safe
// from any thread.
#ifndef ITHACA_DAEMON_PLANNER_REPLAN_H_
#define ITHACA_DAEMON_PLANNER_REPLAN_H_

#include <vector>

#include "absl/status/statusor.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The smallest change first; each that follows uses more ranks. Tensor and
// pipeline degrees stay, since parameters are laid out by them; replicas,
// Ulysses and ring degrees change as far as they must. A new rank takes the
// place of the old one whose tokens and heads it shares most. Empty: nothing
// that is legal can run on what is left. Errors: INVALID_ARGUMENT naming the
// field, for a plan that does not hold together, or does not have the ranks or
// the nodes; nodes can only be named for a plan with places.
absl::StatusOr<std::vector<v1::ReplanResponse>> Replan(
    const v1::ReplanRequest& request);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_REPLAN_H_
