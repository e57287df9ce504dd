// The accelerators of a node as NVML knows them.
//
// Used by discovery. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_NVML_ACCELERATORS_H_
#define ITHACA_DAEMON_TOPOLOGY_NVML_ACCELERATORS_H_

#include <cstdint>
#include <vector>

#include "daemon/topology/nvml.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// Adds what NVML says to the accelerators of `node` with the same PCI address,
// and those it lacks. NVML's order comes first, and its facts win; others keep
// their order behind. NVLink domains are the fabric's, else those of the links;
// a GPU without active NVLinks is in none. Figures that neither says come from
// the table. Origins get `source`, and `table_source` for the table.
void AddNvmlGpus(const std::vector<NvmlGpu>& gpus, uint32_t source,
                 uint32_t table_source, v1::Node& node);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_NVML_ACCELERATORS_H_
