// Writes a topology as our own description of a cluster.
//
// Used by the command line. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_CLUSTER_YAML_WRITER_H_
#define ITHACA_DAEMON_TOPOLOGY_CLUSTER_YAML_WRITER_H_

#include <string>

#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// What ReadClusterYaml reads as the same facts (FactsOf). Equal nodes are
// described once; neighbours that are also in the same pods are one entry. The
// sources of the facts stand in comments. REQUIRES: the topology passes
// CheckTopology.
std::string WriteClusterYaml(const v1::Topology& topology);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_CLUSTER_YAML_WRITER_H_
