// What must hold of every plan, worked out from the meaning of its fields and
// not with the planner's own arithmetic.
//
// Used by tests alone. Failures are fatal failures of the running test.
#ifndef ITHACA_DAEMON_PLANNER_PLAN_PROPERTIES_FOR_TEST_H_
#define ITHACA_DAEMON_PLANNER_PLAN_PROPERTIES_FOR_TEST_H_

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Every token and every query head owned once; key/value heads where they are
// needed; counts that agree between sender and receiver; bytes that are their
// sums and the closed forms; rings that close; imbalance; totals.
void CheckPlanProperties(const v1::Plan& plan);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLAN_PROPERTIES_FOR_TEST_H_
