#include "plugin/net/devices.h"

#include "plugin/transport/handle.h"

namespace ithaca::net {
namespace {

bool SameLocality(const Rail& a, const Rail& b) {
  return a.loopback == b.loopback && a.numa_node == b.numa_node &&
         a.pci_path.empty() == b.pci_path.empty();
}

}  // namespace

std::vector<Device> MakeDevices(const std::vector<Rail>& rails,
                                const Options& options) {
  std::vector<Device> devices;
  for (int i = 0; i < static_cast<int>(rails.size()); ++i) {
    const Rail& rail = rails[i];
    Device* home = nullptr;
    if (options.devices == Options::Devices::kFused) {
      for (Device& device : devices)
        if (device.rails.size() < kMaxRailsPerDevice &&
            SameLocality(rails[device.rails.front()], rail))
          home = &device;
    }
    if (home == nullptr) {
      devices.push_back(
          {rail.name, rail.pci_path, rail.guid, rail.speed_mbps, {i}});
      continue;
    }
    home->name += "+" + rail.name;
    home->speed_mbps = home->speed_mbps == 0 || rail.speed_mbps == 0
                           ? 0
                           : home->speed_mbps + rail.speed_mbps;
    home->rails.push_back(i);
  }
  return devices;
}

}  // namespace ithaca::net
