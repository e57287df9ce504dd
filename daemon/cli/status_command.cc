// ithacactl status.

#include <chrono>
#include <optional>
#include <ostream>

#include "daemon/cli/cluster_text.h"
#include "daemon/cli/commands.h"
#include "daemon/clients/cc/health.h"
#include "ithaca/cluster/v1/cluster.grpc.pb.h"

namespace ithaca::cli {
namespace {

struct Service {
  const char* name;
  // Whether this version of the daemon has it.
  bool expected;
};

constexpr Service kServices[] = {
    {"ithaca.planner.v1.PlannerService", true},
    {"ithaca.groups.v1.GroupsService", true},
    {"ithaca.topology.v1.TopologyService", true},
    {"ithaca.cluster.v1.ClusterService", true},
    {"ithaca.tuning.v1.TuningService", false},
};

using Cluster = std::optional<cluster::v1::GetClusterResponse>;

// Nothing: the daemon is alone.
Cluster AskForCluster(client::Client* client) {
  const auto stub = cluster::v1::ClusterService::NewStub(client->channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(5));
  cluster::v1::GetClusterResponse response;
  if (!stub->GetCluster(&context, {}, &response).ok()) return std::nullopt;
  return response;
}

void PrintTable(const Context& context, const std::string& socket,
                const std::vector<std::string>& states,
                const Cluster& cluster) {
  context.out << "ithacad at " << socket << "\n\n";
  std::vector<std::vector<std::string>> rows = {{"SERVICE", "STATE"}};
  for (size_t i = 0; i < states.size(); ++i) {
    const bool serving = states[i] == "SERVING";
    std::string state = serving ? context.Good(states[i]) : states[i];
    if (!serving && kServices[i].expected) state = context.Bad(states[i]);
    if (!serving && !kServices[i].expected) state += " (not in this version)";
    rows.push_back({kServices[i].name, state});
  }
  context.out << Columns(rows);
  if (cluster.has_value()) context.out << "\n" << ClusterText(*cluster);
}

void PrintMessage(const Context& context, const std::string& socket,
                  const std::vector<std::string>& states,
                  const Cluster& cluster) {
  nlohmann::ordered_json answer = {{"socket", socket}};
  for (size_t i = 0; i < states.size(); ++i) {
    answer["services"][kServices[i].name] = states[i];
  }
  if (cluster.has_value()) answer["cluster"] = ClusterJson(*cluster);
  context.out << Render(answer, context.format);
}

int RunStatus(const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  std::vector<std::string> states;
  bool healthy = true;
  for (const Service& service : kServices) {
    const auto state =
        client::CheckHealth((*client)->channel(), service.name, 10'000);
    if (!state.ok()) return context.Fail(state.status());
    states.push_back(*state);
    healthy = healthy && (*state == "SERVING" || !service.expected);
  }
  const Cluster cluster = AskForCluster(client->get());
  if (context.format == Format::kTable) {
    PrintTable(context, (*client)->socket(), states, cluster);
  } else {
    PrintMessage(context, (*client)->socket(), states, cluster);
  }
  return healthy ? kDone : kNo;
}

}  // namespace

Command StatusCommand() {
  return {"status",
          "Asks the daemon how its services are, and how its cluster is.",
          "",
          0,
          {},
          "Exit status 0: all that this version has serve; 1: one does not; 3: "
          "no daemon.\n\n"
          "Example:\n  ithacactl status\n",
          RunStatus};
}

}  // namespace ithaca::cli
