// A cluster of equal nodes, from a few numbers.
//
// Used by command lines and tests that have no file. Pure; safe from any
// thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_UNIFORM_H_
#define ITHACA_DAEMON_TOPOLOGY_UNIFORM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

struct UniformCluster {
  uint32_t nodes = 1;                  // >= 1
  uint32_t accelerators_per_node = 8;  // >= 1
  // A name of accelerators.yaml, e.g. "h100-80g".
  std::string accelerator;

  // What is 0 or absent here is unknown in the topology.
  uint32_t rails_per_node = 0;        // called "rail0", "rail1", ...
  std::optional<uint64_t> rail_mbps;  // of each
  std::optional<uint64_t> host_memory_bytes;
  uint32_t nodes_per_leaf = 0;  // consecutive nodes on one leaf switch
  std::optional<double> oversubscription;  // of the leaf switches
};

// Nodes "node0", "node1", ... whose accelerators have the figures of the table.
// Those that the table says are joined by NVLink within a node, or within a
// rack of consecutive nodes, are in one domain. Errors: INVALID_ARGUMENT naming
// the field of UniformCluster.
absl::StatusOr<v1::Topology> MakeUniformTopology(const UniformCluster& cluster);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_UNIFORM_H_
