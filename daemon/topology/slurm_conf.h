// Reads Slurm's topology.conf, tree and block.
//
// Used by the command line and the daemon. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_SLURM_CONF_H_
#define ITHACA_DAEMON_TOPOLOGY_SLURM_CONF_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

inline constexpr size_t kMaxSlurmBytes = 4 << 20;

// Lines of SwitchName= with Switches= or Nodes=, or of BlockName= with Nodes=
// and BlockSizes=. Keys in any case; lists of names in Slurm's short form; # to
// the end of the line is a comment; a backslash at the end joins the next line.
// LinkSpeed and Comment are passed over: the first has no unit. How many
// accelerators a node has is not in such a file: merge it with one that says
// so. The topology passes CheckTopology. Errors: INVALID_ARGUMENT, "path:line:
// problem", and those of AddTree and AddBlocks.
absl::StatusOr<v1::Topology> ReadSlurmConf(absl::string_view text,
                                           const std::string& path);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_SLURM_CONF_H_
