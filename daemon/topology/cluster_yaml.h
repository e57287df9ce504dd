// Reads our own description of a cluster, in YAML. A cluster of 2,000 equal
// nodes:
//
//   ithaca_topology: 1
//   levels:
//     - {name: leaf, oversubscription: 2, uplink: 6400Gbps}
//   nodes:
//     - names: "gpu-[0001-2000]"
//       pods: [{names: "leaf-[01-63]", each: 32}]
//       host_memory: 2TiB
//       accelerators: [{count: 8, type: h100-80g}]
//       rails: [{names: "ib[0-7]", speed: 400Gbps}]
//
// Keys. levels: name, oversubscription, uplink. nodes: names, type (a key of
// node_types, whose keys the entry then takes over), pods, nvlink_domain, and
// what a node type has: slots, host_memory, cpu, numa_nodes, accelerators,
// rails. pods has one entry for each level, and nvlink_domain is one such
// entry: a name for all nodes of this entry, or names and `each`, which go to
// the nodes in turn, `each` at a time. accelerators: count, type (a name of
// accelerators.yaml), index, model, memory, memory_rate, peak, nvlink,
// nvlink_rate, nvlinks, pcie, numa_node, pci_address, pci_bridges, host_link,
// capability, gpu_direct, uuid. nvlink is the domain: a name in which {node}
// stands for the node's name and {domain} for its nvlink_domain, or none.
// rails: names, speed, state, numa_node, pci_address, pci_bridges, pcie, port,
// guid, gpu_direct. Names may be lists such as node[001-128,130]. What is left
// out is unknown, but a type fills in what accelerators.yaml says.
//
// Used by the command line and the daemon. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_CLUSTER_YAML_H_
#define ITHACA_DAEMON_TOPOLOGY_CLUSTER_YAML_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// `path` names the file in errors and in sources. The topology passes
// CheckTopology. Errors: INVALID_ARGUMENT, "path:line: field: problem".
absl::StatusOr<v1::Topology> ReadClusterYaml(absl::string_view text,
                                             const std::string& path);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_CLUSTER_YAML_H_
