// Which devices NCCL is shown: rails of one locality fused into one.
//
// A pure function of the rails and the options; the result is immutable.
#ifndef ITHACA_PLUGIN_NET_DEVICES_H_
#define ITHACA_PLUGIN_NET_DEVICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/options.h"
#include "plugin/transport/rail.h"

namespace ithaca::net {

struct Device {
  std::string name;        // of its rails: "eth0+eth1"; unique
  std::string pci_path;    // of the first rail; empty = none
  uint64_t guid = 0;       // of the first rail
  int speed_mbps = 0;      // of all rails together; 0 = unknown
  std::vector<int> rails;  // indices, at most kMaxRailsPerDevice
};

// Rails on one NUMA node (or without a PCI device) become one device of at most
// kMaxRailsPerDevice rails, in the order of the rails; with Devices::kSplit
// each rail is a device.
std::vector<Device> MakeDevices(const std::vector<Rail>& rails,
                                const Options& options);

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_DEVICES_H_
