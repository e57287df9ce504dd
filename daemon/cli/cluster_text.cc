#include "daemon/cli/cluster_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/cli/output.h"

namespace ithaca::cli {
namespace {

namespace v1 = cluster::v1;

const char* StateOf(v1::NodeState state) {
  switch (state) {
    case v1::NODE_STATE_ALIVE:
      return "alive";
    case v1::NODE_STATE_SUSPECT:
      return "suspect";
    case v1::NODE_STATE_DEAD:
      return "dead";
    default:
      return "unknown";
  }
}

const char* RoleOf(v1::Role role) {
  switch (role) {
    case v1::ROLE_COORDINATOR:
      return "coordinator";
    case v1::ROLE_FOLLOWER:
      return "follower";
    default:
      return "seeking";
  }
}

}  // namespace

std::string ClusterText(const v1::GetClusterResponse& cluster) {
  std::string text =
      absl::StrCat("node ", cluster.node(), ": ", RoleOf(cluster.role()));
  if (cluster.role() == v1::ROLE_FOLLOWER)
    absl::StrAppend(&text, " of ", cluster.coordinator(), " at ",
                    cluster.coordinator_address());
  absl::StrAppend(&text, " (", cluster.reason(), ")\n");
  if (!cluster.complete())
    text += "the coordinator could not be asked how the nodes are\n";
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "STATE", "HEARD", "ADDRESS", "REASON"}};
  for (const v1::Node& node : cluster.nodes()) {
    rows.push_back({node.name(), StateOf(node.state()),
                    node.has_heard_ms_ago()
                        ? absl::StrCat(node.heard_ms_ago(), " ms ago")
                        : "-",
                    node.address(), node.reason()});
  }
  return text + Columns(rows);
}

nlohmann::ordered_json ClusterJson(const v1::GetClusterResponse& cluster) {
  nlohmann::ordered_json answer = {
      {"node", cluster.node()},
      {"role", RoleOf(cluster.role())},
      {"coordinator", cluster.coordinator()},
      {"coordinatorAddress", cluster.coordinator_address()},
      {"reason", cluster.reason()},
      {"complete", cluster.complete()},
      {"nodes", nlohmann::ordered_json::array()}};
  for (const v1::Node& node : cluster.nodes()) {
    nlohmann::ordered_json one = {{"name", node.name()},
                                  {"state", StateOf(node.state())},
                                  {"address", node.address()},
                                  {"reason", node.reason()}};
    if (node.has_heard_ms_ago()) one["heardMsAgo"] = node.heard_ms_ago();
    answer["nodes"].push_back(one);
  }
  return answer;
}

}  // namespace ithaca::cli
