// Writes out a plan from a chosen strategy.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_PLAN_BUILDER_H_
#define ITHACA_DAEMON_PLANNER_PLAN_BUILDER_H_

#include <optional>
#include <vector>

#include "daemon/planner/request.h"
#include "daemon/planner/search/legal.h"
#include "daemon/topology/slots.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The plan of `choice`, in the detail that the request asks for, without an
// estimate; the hash is that of the full plan. `places` holds the slot of each
// rank; absent: unknown. REQUIRES: the choice is legal and its bytes fit.
v1::Plan BuildPlan(const Request& request, const Choice& choice,
                   const std::optional<std::vector<topology::Slot>>& places);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLAN_BUILDER_H_
