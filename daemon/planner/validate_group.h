// Checks the members of one Ulysses group of a plan.
//
// Used by validate alone. Pure but for what it adds to `findings`.
#ifndef ITHACA_DAEMON_PLANNER_VALIDATE_GROUP_H_
#define ITHACA_DAEMON_PLANNER_VALIDATE_GROUP_H_

#include <vector>

#include "daemon/planner/findings.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Checks tokens, heads, counts and traffic of the ranks at positions `group` of
// plan.ranks, which are in Ulysses order, and adds the bytes that they should
// send to `total`. Stops at what makes the rest meaningless. REQUIRES: model,
// workload, mesh and layout of the plan were checked; `group` is not empty.
void CheckGroup(const v1::Plan& plan, const std::vector<int>& group,
                v1::Traffic& total, Findings& findings);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_VALIDATE_GROUP_H_
