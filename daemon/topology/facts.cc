#include "daemon/topology/facts.h"

namespace ithaca::topology {

v1::Topology FactsOf(v1::Topology topology) {
  topology.clear_sources();
  topology.clear_origins();
  for (v1::Level& level : *topology.mutable_levels()) level.clear_origins();
  for (v1::Node& node : *topology.mutable_nodes()) {
    node.clear_origins();
    for (auto& a : *node.mutable_accelerators()) a.clear_origins();
    for (auto& rail : *node.mutable_rails()) rail.clear_origins();
    for (auto& numa : *node.mutable_numa_nodes()) numa.clear_origins();
  }
  return topology;
}

}  // namespace ithaca::topology
