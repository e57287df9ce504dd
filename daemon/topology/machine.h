// Discovers this machine: processors, NUMA nodes, accelerators, rails, and how
// far apart they are.
//
// Used by the daemon and the command line. Any thread; takes some tens of
// milliseconds, more where NVML has to start a driver.
#ifndef ITHACA_DAEMON_TOPOLOGY_MACHINE_H_
#define ITHACA_DAEMON_TOPOLOGY_MACHINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

struct MachineOptions {
  std::string node_name;  // empty: the host's name
  // hwloc's XML of the machine; empty: asks hwloc.
  std::string hwloc_xml;
  std::string sysfs = "/sys";
  // Empty: NVML is not asked.
  std::string nvml_library = "libnvidia-ml.so.1";
};

struct Machine {
  v1::Topology topology;  // one node; passes CheckTopology
  // What could not be found out and why, a sentence each.
  std::vector<std::string> notes;
};

// Asks hwloc what there is, NVML about the GPUs, and the kernel for speeds and
// links; where two tell one fact, the later of these wins. The node has one
// slot for each accelerator; without any, as many as it has NUMA nodes, at
// least one. Errors: those of hwloc and of reading what it says; without NVML
// there is a note.
absl::StatusOr<Machine> DiscoverMachine(const MachineOptions& options);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_MACHINE_H_
