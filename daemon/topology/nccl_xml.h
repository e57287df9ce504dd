// Reads and writes NCCL's topology files (NCCL_TOPO_FILE, NCCL_TOPO_DUMP_FILE).
//
// Used by the command line and the daemon. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_NCCL_XML_H_
#define ITHACA_DAEMON_TOPOLOGY_NCCL_XML_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// One node called `node_name`; a file of several hosts (of an NVLink domain
// beyond a node) gives "<node_name>-0", "-1" ... in the file's order. A speed
// of 0 or less, an empty link_speed and a guid of 0 are unknown. A PCI function
// of a GPU or a NIC counts even without <gpu> or <nic> below it. The rate of
// NVLink is the number of links times what one link of the compute capability
// has; what a GPU has by its PCI id comes from the table of known accelerators.
// `path` names the file in errors and sources; the topology passes
// CheckTopology. Errors: INVALID_ARGUMENT, "path:line: problem".
absl::StatusOr<v1::Topology> ReadNcclXml(absl::string_view text,
                                         const std::string& path,
                                         const std::string& node_name);

// The node called `node_name`, or the only one when that is empty, as such a
// file. ReadNcclXml gives what was written; what such a file cannot hold
// (memory, peaks, pods) is left out. A link that is not known is written as
// NCCL writes it. Errors: INVALID_ARGUMENT when there is no such node, an
// accelerator has no PCI address, or two devices share one.
absl::StatusOr<std::string> WriteNcclXml(const v1::Topology& topology,
                                         const std::string& node_name);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_NCCL_XML_H_
