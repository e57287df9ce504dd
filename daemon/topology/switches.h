// Pods of nodes from switches and blocks, as schedulers describe networks.
//
// Used by the readers of Slurm's files. Plain values and pure functions; safe
// from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_SWITCHES_H_
#define ITHACA_DAEMON_TOPOLOGY_SWITCHES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// One switch: either switches or nodes hang below it.
struct Switch {
  std::string name;
  std::vector<std::string> switches;
  std::vector<std::string> nodes;
  int line = 0;  // where it is described
};

// A set of nodes that a scheduler keeps together.
struct Block {
  std::string name;
  std::vector<std::string> nodes;
  int line = 0;
};

// Adds levels (leaf, spine, core, tier3 ...) and nodes with their pods to
// `topology`, with origins in source 0, nodes in the order of the leaves. Of
// several switches above one, the first described counts: they join the same
// pods. Errors: INVALID_ARGUMENT, "path:line: problem", for a switch or a node
// that is described twice, a switch that is not described, a loop, more than
// kMaxLevels levels, or no node at all.
absl::Status AddTree(const std::vector<Switch>& switches,
                     const std::string& path, v1::Topology& topology);

// The same for blocks: a level "block" and, for each further size, one of
// consecutive blocks: sizes 18, 72 make a level "block72" of four blocks each.
// Empty sizes: the level "block" alone.
absl::Status AddBlocks(const std::vector<Block>& blocks,
                       const std::vector<uint64_t>& sizes, int sizes_line,
                       const std::string& path, v1::Topology& topology);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_SWITCHES_H_
