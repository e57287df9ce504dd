// Reads hwloc's XML (`lstopo --of xml`), version 2.
//
// Used by the command line, and by discovery, which asks hwloc for this machine
// in the same form: so there is one reading of what hwloc says. Pure; safe from
// any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_HWLOC_XML_H_
#define ITHACA_DAEMON_TOPOLOGY_HWLOC_XML_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// One node called `node_name`, or as the file says when that is empty:
// processors, NUMA nodes with memory and distances, accelerators and rails with
// their PCI bridges and NUMA node. An accelerator is a PCI function of class
// 0302 or 1200, one of the table, or one with a device of CUDA, NVML or ROCm;
// they are counted in the order of the file, which is that of PCI. A rail is a
// network interface of a PCI function, or its RDMA device where there is no
// interface. hwloc's link speeds are not read: they are those of the moment,
// and links slow down at rest. `path` names the file in errors and sources; the
// topology passes CheckTopology. Errors: INVALID_ARGUMENT, "path:line:
// problem".
absl::StatusOr<v1::Topology> ReadHwlocXml(absl::string_view text,
                                          const std::string& path,
                                          const std::string& node_name);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_HWLOC_XML_H_
