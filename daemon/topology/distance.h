// How far devices of one node are apart.
//
// Used by the planner and by what prints topologies. Pure; safe from any
// thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_DISTANCE_H_
#define ITHACA_DAEMON_TOPOLOGY_DISTANCE_H_

#include <vector>

#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// From near to far; NCCL's names stand behind.
enum class Distance {
  kSwitch,   // one PCI switch: the nearest bridge is the same (PIX)
  kBridges,  // some bridge is the same (PXB)
  kNuma,     // one NUMA node, over its host bridges (PHB, NODE)
  kSystem,   // across NUMA nodes (SYS)
  kUnknown,  // not told
};

// Between an accelerator and a rail of one node. Bridges count before NUMA
// nodes, whose numbers many virtual machines lack.
Distance DistanceOf(const v1::Accelerator& accelerator, const v1::Rail& rail);

// The rails of `node` that are nearest to `accelerator`, as indices into
// Node.rails, in order; those that are down are left out. All that are up when
// no distance is known; empty when there is none.
std::vector<int> NearestRails(const v1::Node& node,
                              const v1::Accelerator& accelerator);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_DISTANCE_H_
