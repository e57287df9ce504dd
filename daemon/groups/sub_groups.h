// The ranks of a plan's mesh that communicate: those that differ in one index
// alone.
//
// Used by GroupsService and convert. Threads: pure functions.
#ifndef ITHACA_DAEMON_GROUPS_SUB_GROUPS_H_
#define ITHACA_DAEMON_GROUPS_SUB_GROUPS_H_

#include <vector>

#include "daemon/groups/types.h"
#include "ithaca/groups/v1/groups.pb.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::groups {

// REQUIRES: the plan is valid.
Mesh MeshOf(const planner::v1::Plan& plan);

// The rank's sub-group along each axis: dp, pp, ring, ulysses, tp. Empty when
// the mesh does not have the rank.
std::vector<v1::SubGroup> SubGroupsOf(const Mesh& mesh, uint32_t rank);

// Those of all ranks along all axes with a degree above 1, each once.
std::vector<v1::SubGroup> AllSubGroups(const Mesh& mesh);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_SUB_GROUPS_H_
