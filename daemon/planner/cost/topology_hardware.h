// The hardware figures of a topology, as the cost functions take them.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_COST_TOPOLOGY_HARDWARE_H_
#define ITHACA_DAEMON_PLANNER_COST_TOPOLOGY_HARDWARE_H_

#include "daemon/planner/cost/hardware.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::planner {

// One accelerator, one node and the links between them, as a rank of the
// slowest node sees them: each figure is the least that any node has, and
// absent as soon as one node does not tell it.
//
//   kNvlink  nvlink_bytes_per_second
//   kNode    the PCI Express link: megatransfers * lanes / 8, less the coding
//            (8b/10b to 5 GT/s; 128b/130b to 32 GT/s; none from 64 GT/s, where
//            flits take 2 %), or host_link_bytes_per_second
//   kLeaf    all rails of the node that are not down, over its accelerators
//   kUplink  kLeaf over the oversubscription of every level that has more than
//            one pod; where a level tells its uplink instead, at most that,
//            over the accelerators below one pod. Absent where no level is
//            known
//
// Latencies are not in a topology: 0. accelerators_per_nvlink_domain is that of
// the smallest domain; 1 where one is unknown. A node without accelerators
// counts its slots. The efficiencies are those of Hardware.
// REQUIRES: the topology passes topology::CheckTopology.
Hardware HardwareOf(const topology::v1::Topology& topology);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_TOPOLOGY_HARDWARE_H_
