// ithacactl topology convert: a description of a cluster in another form.

#include "daemon/cli/commands.h"
#include "daemon/cli/topology_input.h"

namespace ithaca::cli {
namespace {

constexpr char kHelp[] =
    "Reads descriptions of a cluster like `topology read` and writes them as "
    "-o says:\n"
    "yaml (a cluster file), json (ithaca.topology.v1.Topology) or nccl-xml "
    "(one "
    "node, for\n"
    "NCCL_TOPO_FILE).\n"
    "\n"
    "Examples:\n"
    "  ithacactl topology convert --from topology.conf -o yaml > cluster.yaml\n"
    "  ithacactl topology convert --from lstopo.xml -o nccl-xml > topo.xml\n";

int RunConvert(const Context& context) {
  if (!context.args.Has("output") || context.args.Get("output") == "table")
    return context.Fail(absl::InvalidArgumentError(
        "-o is missing: convert to what? Give yaml, json or nccl-xml"));
  return ReadAndPrintTopology(context);
}

}  // namespace

Command TopologyConvertCommand() {
  return {"topology convert",
          "Writes a description of a cluster in another format.",
          "",
          0,
          TopologyFileOptions(),
          kHelp,
          RunConvert,
          {kNcclXmlFormat}};
}

}  // namespace ithaca::cli
