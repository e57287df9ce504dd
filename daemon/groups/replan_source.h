// The plan for what is left of a group: planner's Replan behind the machine's
// Replanner.
//
// Used by GroupsService. Threads: pure but for the shelf and the store.
#ifndef ITHACA_DAEMON_GROUPS_REPLAN_SOURCE_H_
#define ITHACA_DAEMON_GROUPS_REPLAN_SOURCE_H_

#include <string>

#include "daemon/groups/plan_shelf.h"
#include "daemon/groups/refusal.h"
#include "daemon/groups/types.h"
#include "daemon/store/store.h"
#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::groups {

// What CreateGroup's request asks of every later plan, as bytes: its
// constraints without the degrees that change when ranks do.
std::string KeptConstraints(const v1::CreateGroupRequest& request);

// `asked` has what a caller asks besides: nodes that are gone or have come, and
// constraints. REPLAN_IMPOSSIBLE, INVALID_REQUEST (a field of `asked`),
// UNKNOWN_PLAN, STORE_FAILED, LIMIT_EXCEEDED. Takes milliseconds of computing,
// blocks on the store, and puts the plan on the shelf.
Result<ReplanAnswer> AnswerReplan(const ReplanQuestion& question,
                                  const v1::ReplanGroupRequest& asked,
                                  PlanShelf* shelf, store::Store* store);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_REPLAN_SOURCE_H_
