#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/input.h"
#include "daemon/cli/option_values.h"
#include "daemon/cli/plan_options.h"
#include "daemon/topology/read_topology.h"
#include "daemon/topology/uniform.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

absl::Status FillFromFile(const Context& context, const std::string& path,
                          v1::PlanRequest* request) {
  const absl::StatusOr<std::string> text = ReadInput(context, path);
  if (!text.ok()) return text.status();
  topology::ReadOptions options;
  options.path = path == "-" ? "standard input" : path;
  absl::StatusOr<topology::v1::Topology> read =
      topology::ReadTopology(*text, options);
  if (!read.ok()) return read.status();
  *request->mutable_topology() = *std::move(read);
  return absl::OkStatus();
}

// A number with a fraction, above 0.
absl::Status FillNumber(const Context& context, const std::string& name,
                        std::optional<double>* value) {
  if (!context.args.Has(name)) return absl::OkStatus();
  double number = 0;
  if (!absl::SimpleAtod(context.args.Get(name), &number) || !(number > 0) ||
      !(number < 1e9)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", name, " ", context.args.Get(name), ": give a number above 0"));
  }
  *value = number;
  return absl::OkStatus();
}

absl::Status FillUniform(const Context& context, v1::PlanRequest* request) {
  topology::UniformCluster cluster;
  cluster.accelerator = context.args.Get("gpu");
  if (cluster.accelerator.empty()) {
    return absl::InvalidArgumentError(
        "--gpu is missing beside --nodes; give e.g. h100-80g");
  }
  absl::Status s =
      FillCount(context, "nodes", 1, [&](uint32_t n) { cluster.nodes = n; });
  if (s.ok()) {
    s = FillCount(context, "gpus-per-node", 1,
                  [&](uint32_t n) { cluster.accelerators_per_node = n; });
  }
  if (s.ok()) {
    s = FillCount(context, "rails", 1,
                  [&](uint32_t n) { cluster.rails_per_node = n; });
  }
  if (s.ok()) {
    s = FillCount(context, "nodes-per-leaf", 1,
                  [&](uint32_t n) { cluster.nodes_per_leaf = n; });
  }
  std::optional<double> gbps;
  if (s.ok()) s = FillNumber(context, "rail-gbps", &gbps);
  if (gbps) cluster.rail_mbps = static_cast<uint64_t>(*gbps * 1000);
  if (s.ok())
    s = FillNumber(context, "oversubscription", &cluster.oversubscription);
  std::optional<double> memory;
  if (s.ok()) s = FillNumber(context, "host-gib", &memory);
  if (memory)
    cluster.host_memory_bytes = static_cast<uint64_t>(*memory * (1ull << 30));
  if (!s.ok()) return s;
  // Rails as fast as accelerators are many is how such nodes are sold; without
  // a speed there is nothing to know of them.
  if (gbps && cluster.rails_per_node == 0)
    cluster.rails_per_node = cluster.accelerators_per_node;
  absl::StatusOr<topology::v1::Topology> made =
      topology::MakeUniformTopology(cluster);
  if (!made.ok()) return made.status();
  *request->mutable_topology() = *std::move(made);
  return absl::OkStatus();
}

}  // namespace

std::vector<Option> ClusterOptions() {
  std::vector<Option> options = {
      {"cluster", "FILE",
       "A description of it, or -: ours (YAML, JSON), NCCL's or hwloc's XML, "
       "Slurm's topology, kubectl get nodes -o json."},
      {"topology", "FILE", "The same."},
      {"nodes", "N", "Equal nodes instead. Default: 1."},
      {"gpus-per-node", "N", "Their accelerators. Default: 8."},
      {"gpu", "NAME", "Which, e.g. h100-80g, a100-80g, b200."},
      {"rails", "N", "NICs of a node. Default: one for each accelerator."},
      {"rail-gbps", "X", "Gbit/s of each. Default: unknown."},
      {"nodes-per-leaf", "N", "Nodes of a leaf switch. Default: unknown."},
      {"oversubscription", "X", "Of the leaf switches. Default: unknown."},
      {"host-gib", "X", "Main memory of a node, GiB. Default: unknown."},
  };
  for (Option& option : MeasuredOptions()) options.push_back(std::move(option));
  return options;
}

absl::Status FillCluster(const Context& context, v1::PlanRequest* request) {
  const std::string file = context.args.Has("cluster")
                               ? context.args.Get("cluster")
                               : context.args.Get("topology");
  const bool uniform = context.args.Has("nodes") || context.args.Has("gpu");
  if (!file.empty() && uniform) {
    return absl::InvalidArgumentError(
        "--cluster and --nodes or --gpu: give one of the two");
  }
  absl::Status s;
  if (!file.empty()) s = FillFromFile(context, file, request);
  if (uniform) s = FillUniform(context, request);
  return s.ok() ? FillMeasured(context, request) : s;
}

}  // namespace ithaca::cli
