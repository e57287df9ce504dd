#include "daemon/topology/read_topology.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/topology/cluster_yaml.h"
#include "daemon/topology/file_error.h"
#include "daemon/topology/hwloc_xml.h"
#include "daemon/topology/nccl_xml.h"
#include "daemon/topology/slurm_conf.h"
#include "daemon/topology/slurm_yaml.h"
#include "daemon/topology/topology_json.h"

namespace ithaca::topology {
namespace {

constexpr struct {
  const char* name;
  FileFormat format;
} kFormats[] = {
    {"auto", FileFormat::kAuto},
    {"cluster", FileFormat::kClusterYaml},
    {"json", FileFormat::kJson},
    {"nccl-xml", FileFormat::kNcclXml},
    {"hwloc-xml", FileFormat::kHwlocXml},
    {"slurm-conf", FileFormat::kSlurmConf},
    {"slurm-yaml", FileFormat::kSlurmYaml},
    {"kubernetes", FileFormat::kKubernetes},
};

std::string FormatNames() {
  std::string names;
  for (const auto& each : kFormats)
    absl::StrAppend(&names, names.empty() ? "" : ", ", each.name);
  return names;
}

// kAuto when nothing fits.
FileFormat Detect(absl::string_view text) {
  constexpr size_t kLookedAt = 16384;
  const absl::string_view trimmed = absl::StripLeadingAsciiWhitespace(text);
  const std::string head = absl::AsciiStrToLower(trimmed.substr(0, kLookedAt));
  const auto has = [&head](const char* what) {
    return absl::StrContains(head, what);
  };
  if (absl::StartsWith(head, "<")) {
    if (has("<system")) return FileFormat::kNcclXml;
    return has("<topology") ? FileFormat::kHwlocXml : FileFormat::kAuto;
  }
  if (absl::StartsWith(head, "{"))
    return has("\"apiversion\"") ? FileFormat::kKubernetes : FileFormat::kJson;
  if (has("ithaca_topology")) return FileFormat::kClusterYaml;
  if (has("switchname=") || has("blockname=")) return FileFormat::kSlurmConf;
  if (has("topology:")) return FileFormat::kSlurmYaml;
  return FileFormat::kAuto;
}

}  // namespace

absl::StatusOr<FileFormat> ParseFileFormat(absl::string_view name) {
  if (name.empty()) return FileFormat::kAuto;
  for (const auto& each : kFormats)
    if (name == each.name) return each.format;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name.substr(0, 80), "\" is not a format; there are ",
                   FormatNames()));
}

absl::StatusOr<v1::Topology> ReadTopology(absl::string_view text,
                                          const ReadOptions& options) {
  const FileFormat format =
      options.format == FileFormat::kAuto ? Detect(text) : options.format;
  switch (format) {
    case FileFormat::kClusterYaml:
      return ReadClusterYaml(text, options.path);
    case FileFormat::kJson:
      return ReadTopologyJson(text, options.path);
    case FileFormat::kNcclXml:
      return ReadNcclXml(text, options.path, options.node_name);
    case FileFormat::kHwlocXml:
      return ReadHwlocXml(text, options.path, "");
    case FileFormat::kSlurmConf:
      return ReadSlurmConf(text, options.path);
    case FileFormat::kSlurmYaml:
      return ReadSlurmYaml(text, options.path, options.slurm_topology);
    case FileFormat::kKubernetes:
      return ReadKubernetes(text, options.path, options.label_keys);
    case FileFormat::kAuto:
      break;
  }
  return FileError(options.path, 0,
                   absl::StrCat("looks like none of the known formats; say "
                                "which it is: ",
                                FormatNames()));
}

}  // namespace ithaca::topology
