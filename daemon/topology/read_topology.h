// Reads a topology from text of any known format.
//
// Used by the command line and the daemon. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_READ_TOPOLOGY_H_
#define ITHACA_DAEMON_TOPOLOGY_READ_TOPOLOGY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/topology/kubernetes.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

enum class FileFormat {
  kAuto,  // by what the text looks like
  kClusterYaml,
  kJson,
  kNcclXml,
  kHwlocXml,
  kSlurmConf,
  kSlurmYaml,
  kKubernetes,
};

// By name: auto, cluster, json, nccl-xml, hwloc-xml, slurm-conf, slurm-yaml,
// kubernetes; "" is auto. INVALID_ARGUMENT with the names for another.
absl::StatusOr<FileFormat> ParseFileFormat(absl::string_view name);

struct ReadOptions {
  FileFormat format = FileFormat::kAuto;
  std::string path;  // names the file in errors and sources
  // What the node of a file is called that describes one and does not say.
  std::string node_name = "node";
  std::string slurm_topology;  // of topology.yaml; empty: the default
  LabelKeys label_keys;        // of Kubernetes; empty: the preset that fits
};

// Errors: those of the reader; INVALID_ARGUMENT when the format cannot be told.
absl::StatusOr<v1::Topology> ReadTopology(absl::string_view text,
                                          const ReadOptions& options);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_READ_TOPOLOGY_H_
