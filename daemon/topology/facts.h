// Topologies without what is said about their facts.
//
// Used where two topologies are compared, and where only facts travel. Pure;
// safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_FACTS_H_
#define ITHACA_DAEMON_TOPOLOGY_FACTS_H_

#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// The topology without sources and origins.
v1::Topology FactsOf(v1::Topology topology);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_FACTS_H_
