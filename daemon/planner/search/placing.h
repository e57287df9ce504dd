// Which slot of the topology each rank takes.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_PLACING_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_PLACING_H_

#include <vector>

#include "daemon/planner/cost/job.h"
#include "daemon/planner/cost/spread.h"
#include "daemon/topology/slots.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::planner {

// One slot per rank, in the order of their numbers. Ranks with neighbouring
// numbers that talk most (a tensor group, then the inner one of Ulysses and
// ring, then both, then the replicas of one stage) stay together: blocks of
// each size are cut from one NVLink domain where they fit, else from one node,
// else from one pod at every level, and only then across. Nodes, and slots in
// them, keep their order as far as that allows; slots may stay idle for it
// where there are more than ranks. REQUIRES: the topology was checked and has
// a slot for each rank.
std::vector<topology::Slot> PlaceRanks(const topology::v1::Topology& topology,
                                       const Strategy& strategy);

// How far apart the members of each group are at these places: of the member
// with the most far ones. O(ranks).
Placement PlacementAt(const topology::v1::Topology& topology,
                      const Strategy& strategy,
                      const std::vector<topology::Slot>& slots);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_PLACING_H_
