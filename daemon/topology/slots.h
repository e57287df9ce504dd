// The places of a topology where ranks can run, in the order in which they are
// given out.
//
// Used by the planner. Pure functions; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_SLOTS_H_
#define ITHACA_DAEMON_TOPOLOGY_SLOTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// Bounds on what a topology may hold.
inline constexpr int kMaxNodes = 65536;
inline constexpr uint64_t kMaxSlots = 1 << 20;
inline constexpr size_t kMaxNodeNameBytes = 253;  // a DNS name

// One place for one rank.
struct Slot {
  std::string node;
  uint32_t local_index = 0;  // among the slots of its node
};

// Returns the slots of `topology`, nodes in order. `path` is where the topology
// stands in the caller's message; it begins the text of an error. Errors:
// INVALID_ARGUMENT naming the field, when a node has no name, a name twice, no
// slot, or there are more than the bounds above.
absl::StatusOr<std::vector<Slot>> ListSlots(const v1::Topology& topology,
                                            const std::string& path);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_SLOTS_H_
