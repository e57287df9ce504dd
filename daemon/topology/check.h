// Whether a topology makes sense: what every reader promises of what it
// returns, and what whoever gets one from outside asks first.
//
// Used by the readers, the merge, the service and the planner. Pure; safe from
// any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_CHECK_H_
#define ITHACA_DAEMON_TOPOLOGY_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// Bounds on what a topology may hold; those on nodes and slots are in slots.h.
inline constexpr int kMaxPerNode = 1024;  // accelerators, rails, NUMA nodes
inline constexpr int kMaxLevels = 8;
inline constexpr int kMaxBridges = 16;
inline constexpr size_t kMaxTextBytes = 256;  // of any text but a node's name
inline constexpr size_t kMaxTopologyBytes = size_t{256} << 20;  // serialized

// OK when: every node, level and rail has a name, once in its list; node and
// pod names are printable ASCII without spaces and without , [ ] { }; other
// texts are short printable ASCII; an accelerator's local_index is there once
// in its node; no node has more pods than there are levels; rates and
// capacities are positive and below 2^62, PCI links and capabilities within
// reason; oversubscription is finite and at least 0.001; and nothing is beyond
// the bounds. `path` is where the topology stands in the caller's message.
// Errors: INVALID_ARGUMENT beginning with the field's path.
absl::Status CheckTopology(const v1::Topology& topology,
                           const std::string& path);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_CHECK_H_
