// Where the topology commands get their topology, and how they print it.
//
// Used by those commands. Threads: one.
#ifndef ITHACA_DAEMON_CLI_TOPOLOGY_INPUT_H_
#define ITHACA_DAEMON_CLI_TOPOLOGY_INPUT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/cli/command.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::cli {

// The format that only the topology commands have.
inline constexpr char kNcclXmlFormat[] = "nccl-xml";

// --from and what goes with it.
std::vector<Option> TopologyFileOptions();

// The topologies of the files that --from names, first to last. Errors:
// INVALID_ARGUMENT naming the file or the option.
absl::StatusOr<std::vector<topology::v1::Topology>> ReadTopologyFiles(
    const Context& context, const std::string& node_name);

// Merges them, the first believed most.
absl::StatusOr<topology::v1::GetTopologyResponse> MergeAll(
    const std::vector<topology::v1::Topology>& topologies);

// What --from names, read, merged and printed as -o says. Returns the exit
// status.
int ReadAndPrintTopology(const Context& context);

// Prints the topology as -o says: a table, proto3 JSON, YAML that is a cluster
// file, or NCCL's XML of one node. Conflicts and notes go to standard error.
// Returns the exit status.
int PrintTopology(const Context& context,
                  const topology::v1::GetTopologyResponse& answer);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_TOPOLOGY_INPUT_H_
