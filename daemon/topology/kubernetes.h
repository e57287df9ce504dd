// Reads what `kubectl get nodes -o json` prints.
//
// Used by the command line and the daemon. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_KUBERNETES_H_
#define ITHACA_DAEMON_TOPOLOGY_KUBERNETES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// Which labels of a node say where it is.
struct LabelKeys {
  std::string name;                 // of the preset
  std::vector<std::string> levels;  // nearest first
  // The first of them that a node has is the NVLink domain of its accelerators.
  std::vector<std::string> nvlink_domain;
};

// Presets, in the order in which "auto" tries them: topograph, topograph-tiers,
// topograph-leaf, topograph-block, aws, gcp, zone.
const std::vector<LabelKeys>& LabelPresets();

// The preset called `name`. INVALID_ARGUMENT with the names that there are.
absl::StatusOr<LabelKeys> GetLabelPreset(absl::string_view name);

// Nodes with their pods by `keys`; without levels and NVLink keys, by the first
// preset of which any node has a label of a level. A level that no node has a
// label of is left out; the last part of a key is the name of its level.
// Accelerators are as many as status.capacity has of nvidia.com/gpu or
// amd.com/gpu, with the figures that the table has for the label
// nvidia.com/gpu.product; memory comes from nvidia.com/gpu.memory, main memory
// from the capacity. The topology passes CheckTopology. Errors:
// INVALID_ARGUMENT, "path: nodes.items[3].metadata.name: problem".
absl::StatusOr<v1::Topology> ReadKubernetes(absl::string_view text,
                                            const std::string& path,
                                            const LabelKeys& keys);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_KUBERNETES_H_
