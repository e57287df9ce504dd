#include "daemon/cli/topology_input.h"

#include <istream>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/topology/cluster_yaml_writer.h"
#include "daemon/topology/known_topology.h"
#include "daemon/topology/merge.h"
#include "daemon/topology/nccl_xml.h"
#include "daemon/topology/read_topology.h"
#include "daemon/topology/topology_table.h"

namespace ithaca::cli {
namespace {

absl::StatusOr<std::string> ReadText(const Context& context,
                                     const std::string& path) {
  if (path != "-") return topology::ReadTopologyFile(path);
  std::string text;
  char buffer[65536];
  while (context.in.read(buffer, sizeof buffer) || context.in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(context.in.gcount()));
    if (text.size() > topology::kMaxTopologyFileBytes)
      return absl::InvalidArgumentError("standard input: is too large");
  }
  return text;
}

absl::StatusOr<topology::ReadOptions> OptionsOf(const Context& context,
                                                const std::string& node_name) {
  topology::ReadOptions options;
  if (!node_name.empty()) options.node_name = node_name;
  options.slurm_topology = context.args.Get("slurm-topology");
  const auto format = topology::ParseFileFormat(context.args.Get("format"));
  if (!format.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--format: ", format.status().message()));
  }
  options.format = *format;
  if (context.args.Has("labels")) {
    auto preset = topology::GetLabelPreset(context.args.Get("labels"));
    if (!preset.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--labels: ", preset.status().message()));
    }
    options.label_keys = *std::move(preset);
  }
  if (context.args.Has("label-keys")) {
    options.label_keys.levels =
        absl::StrSplit(context.args.Get("label-keys"), ',', absl::SkipEmpty());
  }
  if (context.args.Has("nvlink-label"))
    options.label_keys.nvlink_domain = {context.args.Get("nvlink-label")};
  return options;
}

}  // namespace

std::vector<Option> TopologyFileOptions() {
  return {
      {"from", "FILE[,FILE]",
       "Files that describe the cluster, or - for standard input; of a fact "
       "that several tell, the first wins."},
      {"format", "FORMAT",
       "Of the files: cluster, json, nccl-xml, hwloc-xml, slurm-conf, "
       "slurm-yaml, kubernetes. Default: auto."},
      {"node", "NAME",
       "What the node of a file is called that describes one without a name; "
       "with -o nccl-xml, the node to write."},
      {"slurm-topology", "NAME",
       "Which topology of a topology.yaml. Default: its default."},
      {"labels", "PRESET",
       "Labels of Kubernetes: topograph, topograph-tiers, topograph-leaf, "
       "topograph-block, aws, gcp, zone. Default: those that fit."},
      {"label-keys", "KEY[,KEY]", "The labels of the levels, nearest first."},
      {"nvlink-label", "KEY", "The label of the NVLink domain."},
  };
}

absl::StatusOr<std::vector<topology::v1::Topology>> ReadTopologyFiles(
    const Context& context, const std::string& node_name) {
  auto options = OptionsOf(context, node_name);
  if (!options.ok()) return options.status();
  std::vector<topology::v1::Topology> topologies;
  for (const std::string& path : std::vector<std::string>(
           absl::StrSplit(context.args.Get("from"), ',', absl::SkipEmpty()))) {
    const auto text = ReadText(context, path);
    if (!text.ok()) return text.status();
    options->path = path == "-" ? "standard input" : path;
    auto read = topology::ReadTopology(*text, *options);
    if (!read.ok()) return read.status();
    topologies.push_back(*std::move(read));
  }
  return topologies;
}

absl::StatusOr<topology::v1::GetTopologyResponse> MergeAll(
    const std::vector<topology::v1::Topology>& topologies) {
  auto merged = topology::MergeTopologies(topologies);
  if (!merged.ok()) return merged.status();
  topology::v1::GetTopologyResponse answer;
  *answer.mutable_topology() = std::move(merged->topology);
  for (auto& conflict : merged->conflicts)
    *answer.add_conflicts() = std::move(conflict);
  return answer;
}

int PrintTopology(const Context& context,
                  const topology::v1::GetTopologyResponse& answer) {
  if (context.args.Get("output") == kNcclXmlFormat) {
    const auto xml =
        topology::WriteNcclXml(answer.topology(), context.args.Get("node"));
    if (!xml.ok()) return context.Fail(xml.status());
    context.out << *xml;
  } else if (context.format == Format::kYaml) {
    context.out << topology::WriteClusterYaml(answer.topology());
  } else if (context.format == Format::kJson) {
    context.out << Render(answer.topology(), context.format);
  } else {
    context.out << topology::TopologyTable(answer.topology());
  }
  for (const auto& conflict : answer.conflicts()) {
    context.err << "conflict: " << conflict.field() << ": " << conflict.taken()
                << " is taken, " << conflict.dropped() << " is not\n";
  }
  for (const std::string& note : answer.notes())
    context.err << "note: " << note << "\n";
  return kDone;
}

int ReadAndPrintTopology(const Context& context) {
  if (!context.args.Has("from"))
    return context.Fail(absl::InvalidArgumentError(
        "--from is missing; give the path of a file, or - for standard "
        "input"));
  const auto topologies = ReadTopologyFiles(context, context.args.Get("node"));
  if (!topologies.ok()) return context.Fail(topologies.status());
  const auto answer = MergeAll(*topologies);
  return answer.ok() ? PrintTopology(context, *answer)
                     : context.Fail(answer.status());
}

}  // namespace ithaca::cli
