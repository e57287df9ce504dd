// What a plan is expected to cost, as the API tells it.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_ESTIMATE_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_ESTIMATE_H_

#include "daemon/planner/cost/spread.h"
#include "daemon/planner/request.h"
#include "daemon/planner/search/evaluate.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The estimate of `choice` where ranks lie as `placement` says, with its
// digest.
v1::Estimate EstimateOf(const Request& request, const Choice& choice,
                        const Placement& placement, Evaluator& evaluator);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_ESTIMATE_H_
