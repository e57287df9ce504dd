// Reads Slurm's topology.yaml.
//
// Used by the command line and the daemon. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_SLURM_YAML_H_
#define ITHACA_DAEMON_TOPOLOGY_SLURM_YAML_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// Of the topologies in the file, the one called `name`; when that is empty, the
// first with cluster_default: true, else the first. Trees and blocks give what
// AddTree and AddBlocks make of them; a flat one says nothing of where nodes
// are and is an error. The topology passes CheckTopology. Errors:
// INVALID_ARGUMENT, "path:line: problem".
absl::StatusOr<v1::Topology> ReadSlurmYaml(absl::string_view text,
                                           const std::string& path,
                                           const std::string& name);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_SLURM_YAML_H_
