// Builds the complete plan for a mesh that is known to be legal.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_PLAN_BUILDER_H_
#define ITHACA_DAEMON_PLANNER_PLAN_BUILDER_H_

#include "daemon/planner/legality.h"
#include "daemon/planner/request.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The plan of `request` on data-parallel x Ulysses degrees, hash included. With
// request.summary the fields `ranks` and `ulysses_groups` are empty.
// REQUIRES: FindDegrees returned these degrees without an obstacle.
v1::Plan BuildPlan(const Request& request, const Degrees& degrees);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLAN_BUILDER_H_
