// NVLink domains and rates from single links.
//
// Used by what reads links: NCCL's files and NVML. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_NVLINK_DOMAINS_H_
#define ITHACA_DAEMON_TOPOLOGY_NVLINK_DOMAINS_H_

#include <cstdint>
#include <optional>

#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// PCI class of an NVSwitch, as NCCL writes it.
inline constexpr char kNvswitchClass[] = "0x068000";

// Rate of one NVLink in each direction, bytes per second, by compute capability
// (90 for 9.0): the figures of NVIDIA's data sheets over the number of links.
// Nothing where there is no NVLink or it is not known.
std::optional<uint64_t> NvlinkRate(uint32_t compute_capability);

// Sets nvlink_domain of the accelerators of `node` that have nvlinks and no
// domain: those joined by links to one another, directly or by others, or by
// links to switches, which are one fabric within a node. The name is the
// node's; with several domains, with "/0", "/1" ... behind it. Sets their
// nvlink_bytes_per_second, where it is absent, to the sum of links times
// NvlinkRate. Accelerators without nvlinks are left alone.
void SetNvlinkDomains(v1::Node& node);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_NVLINK_DOMAINS_H_
