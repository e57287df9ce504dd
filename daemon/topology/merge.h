// One topology out of several sources.
//
// Used by the daemon and the command line. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_MERGE_H_
#define ITHACA_DAEMON_TOPOLOGY_MERGE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

inline constexpr size_t kMaxConflicts = 1000;

struct Merged {
  v1::Topology topology;                // passes CheckTopology
  std::vector<v1::Conflict> conflicts;  // the first kMaxConflicts
};

// Merges `topologies`, the one that is believed most first: of a fact that
// several tell, the first wins, and what the others say differently is a
// conflict. A fact keeps its origin. Nodes are the same by name; accelerators
// by PCI address, and where no address is equal by local_index; rails by name,
// by RDMA device, or by PCI address and port; NUMA nodes by number, levels by
// name. What only a later one has is added behind. Levels and pods are one
// fact: they come whole from the first that has levels, and figures of levels
// of the same names are filled in. Other lists (NVLinks, bridges) are one fact
// each. Errors: INVALID_ARGUMENT from CheckTopology when what comes out goes
// beyond the bounds.
absl::StatusOr<Merged> MergeTopologies(
    const std::vector<v1::Topology>& topologies);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_MERGE_H_
