// The plan that a CreateGroup call means.
//
// Used by GroupsService. Threads: pure but for the shelf and the store.
#ifndef ITHACA_DAEMON_GROUPS_PLAN_SOURCE_H_
#define ITHACA_DAEMON_GROUPS_PLAN_SOURCE_H_

#include <memory>
#include <optional>
#include <string>

#include "daemon/groups/plan_shelf.h"
#include "daemon/groups/refusal.h"
#include "daemon/store/store.h"
#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::groups {

using PlanPtr = std::shared_ptr<const planner::v1::Plan>;

// The plan that the request carries, or asks to be made; null when it gives a
// hash. INVALID_REQUEST, INVALID_PLAN, NO_PLAN, LIMIT_EXCEEDED (too large to
// keep). Takes milliseconds of computing, and puts the plan on the shelf.
Result<PlanPtr> PlanOfRequest(const v1::CreateGroupRequest& request,
                              PlanShelf* shelf);

// The plan of that hash, from the shelf or from the store (then it goes on the
// shelf). UNKNOWN_PLAN, STORE_FAILED. Blocks on the store.
Result<PlanPtr> PlanOfHash(const std::string& hash, PlanShelf* shelf,
                           store::Store* store);

// LIMIT_EXCEEDED when the plan is too large to keep; nothing: it is not.
std::optional<Refusal> CheckPlanSize(const planner::v1::Plan& plan);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_PLAN_SOURCE_H_
