// ithacactl topology show: this machine, with what files say of the cluster.

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "daemon/cli/commands.h"
#include "daemon/cli/topology_input.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/topology/machine.h"
#include "ithaca/topology/v1/topology.grpc.pb.h"

namespace ithaca::cli {
namespace {

namespace v1 = topology::v1;

constexpr char kHelp[] =
    "Looks at this machine with hwloc, NVML and the kernel: processors, NUMA "
    "nodes,\n"
    "accelerators, NVLink, rails and their speeds. What cannot be found out is "
    "unknown, and\n"
    "a note on standard error says why. Files given with --from are merged in "
    "and win.\n"
    "-o yaml writes a cluster file, -o nccl-xml a file for NCCL_TOPO_FILE.\n"
    "\n"
    "Examples:\n"
    "  ithacactl topology show\n"
    "  ithacactl topology show -o nccl-xml > topo.xml\n"
    "  ithacactl topology show --daemon --refresh -o json\n";

absl::StatusOr<v1::GetTopologyResponse> AskDaemon(const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return client.status();
  const auto stub = v1::TopologyService::NewStub((*client)->channel());
  v1::GetTopologyRequest request;
  request.set_refresh(context.args.Has("refresh"));
  grpc::ClientContext call;
  call.set_deadline(std::chrono::system_clock::now() +
                    std::chrono::seconds(60));
  v1::GetTopologyResponse answer;
  const grpc::Status status = stub->GetTopology(&call, request, &answer);
  if (!status.ok()) return client::FromRpc(status);
  return answer;
}

absl::StatusOr<v1::GetTopologyResponse> LookAround(const Context& context) {
  auto machine = topology::DiscoverMachine({});
  if (!machine.ok()) return machine.status();
  auto topologies =
      ReadTopologyFiles(context, machine->topology.nodes(0).name());
  if (!topologies.ok()) return topologies.status();
  topologies->push_back(std::move(machine->topology));
  auto answer = MergeAll(*topologies);
  if (!answer.ok()) return answer.status();
  for (const std::string& note : machine->notes) answer->add_notes(note);
  return answer;
}

int RunShow(const Context& context) {
  if (context.args.Has("refresh") && !context.args.Has("daemon"))
    return context.Fail(absl::InvalidArgumentError(
        "--refresh: only a daemon remembers; give --daemon too"));
  if (context.args.Has("from") && context.args.Has("daemon"))
    return context.Fail(absl::InvalidArgumentError(
        "--from: the daemon reads its own files; start it with --topology"));
  const auto answer =
      context.args.Has("daemon") ? AskDaemon(context) : LookAround(context);
  return answer.ok() ? PrintTopology(context, *answer)
                     : context.Fail(answer.status());
}

}  // namespace

Command TopologyShowCommand() {
  std::vector<Option> options = TopologyFileOptions();
  options.push_back({"daemon", "", "Asks the daemon what it knows."});
  options.push_back({"refresh", "", "Has the daemon look again first."});
  return {"topology show",
          "Shows what hardware there is and how far apart it is.",
          "",
          0,
          options,
          kHelp,
          RunShow,
          {kNcclXmlFormat}};
}

}  // namespace ithaca::cli
