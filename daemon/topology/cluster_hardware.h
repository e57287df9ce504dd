// What one node of a cluster file is made of.
//
// Used by cluster_yaml alone. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_CLUSTER_HARDWARE_H_
#define ITHACA_DAEMON_TOPOLOGY_CLUSTER_HARDWARE_H_

#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/topology/yaml_text.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// Indices into Topology.sources of every topology read from a cluster file.
inline constexpr uint32_t kFileSource = 0;
inline constexpr uint32_t kTableSource = 1;

// In the name of an NVLink domain: the name of the node, and the domain that
// the entry of the node gives.
inline constexpr char kNodePlace[] = "{node}";
inline constexpr char kDomainPlace[] = "{domain}";
inline constexpr char kNoNvlink[] = "none";

// The keys that are read here.
#define ITHACA_HARDWARE_KEYS                                            \
  "slots", "host_memory", "cpu", "numa_nodes", "accelerators", "rails", \
      "bridges"

// Reads them from `entry` into a node without a name. NVLink domains keep their
// places. An error is left in `entry`.
void ReadHardware(YamlMap& entry, v1::Node& node);

// An origin in the file at the line of `entry`.
v1::Origin OriginOf(const YamlMap& entry);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_CLUSTER_HARDWARE_H_
