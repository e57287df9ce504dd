// How a cluster is, for people and for programs.
//
// Used by ithacactl status. Threads: pure functions.
#ifndef ITHACA_DAEMON_CLI_CLUSTER_TEXT_H_
#define ITHACA_DAEMON_CLI_CLUSTER_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "ithaca/cluster/v1/cluster.pb.h"

namespace ithaca::cli {

// "node a follows b (10.0.0.2:7000): ..." and a table of the nodes.
std::string ClusterText(const cluster::v1::GetClusterResponse& cluster);

nlohmann::ordered_json ClusterJson(
    const cluster::v1::GetClusterResponse& cluster);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_CLUSTER_TEXT_H_
