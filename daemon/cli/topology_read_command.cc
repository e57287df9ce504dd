// ithacactl topology read: what files say of a cluster.

#include "daemon/cli/commands.h"
#include "daemon/cli/topology_input.h"

namespace ithaca::cli {
namespace {

constexpr char kHelp[] =
    "Reads descriptions of a cluster, checks and merges them. Needs no daemon "
    "and does not\n"
    "look at this machine. What the files disagree about is told on standard "
    "error.\n"
    "\n"
    "Examples:\n"
    "  ithacactl topology read --from cluster.yaml\n"
    "  kubectl get nodes -o json | ithacactl topology read --from - --labels "
    "aws\n"
    "  ithacactl topology read --from cluster.yaml,topology.conf -o json\n";

}  // namespace

Command TopologyReadCommand() {
  return {"topology read",
          "Reads and checks files that describe a cluster.",
          "",
          0,
          TopologyFileOptions(),
          kHelp,
          ReadAndPrintTopology,
          {kNcclXmlFormat}};
}

}  // namespace ithaca::cli
