// Link speeds, link states and NUMA nodes as the kernel says them.
//
// Used by discovery. Reads files; any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_SYSFS_LINKS_H_
#define ITHACA_DAEMON_TOPOLOGY_SYSFS_LINKS_H_

#include <string>

#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// Adds to `node` what `sysfs` ("/sys", or such a folder) says: interfaces with
// a device that the node lacks; of each rail its speed and state, from the
// interface or from its RDMA device; of each PCI device its NUMA node and its
// link at full speed (links slow down at rest), of each bridge its link. A
// speed or NUMA node of -1 and a file that cannot be read are unknown. Origins
// get `source` and the path of the file below `sysfs`.
void AddLinks(const std::string& sysfs, uint32_t source, v1::Node& node);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_SYSFS_LINKS_H_
