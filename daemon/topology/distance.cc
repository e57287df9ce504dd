#include "daemon/topology/distance.h"

#include <algorithm>

namespace ithaca::topology {

Distance DistanceOf(const v1::Accelerator& accelerator, const v1::Rail& rail) {
  const auto& ours = accelerator.pci_bridges();
  const auto& theirs = rail.pci_bridges();
  if (!ours.empty() && !theirs.empty()) {
    if (ours[0] == theirs[0]) return Distance::kSwitch;
    for (const auto& bridge : ours)
      if (std::find(theirs.begin(), theirs.end(), bridge) != theirs.end())
        return Distance::kBridges;
  }
  if (!accelerator.has_numa_node() || !rail.has_numa_node())
    return Distance::kUnknown;
  return accelerator.numa_node() == rail.numa_node() ? Distance::kNuma
                                                     : Distance::kSystem;
}

std::vector<int> NearestRails(const v1::Node& node,
                              const v1::Accelerator& accelerator) {
  std::vector<int> nearest;
  Distance least = Distance::kUnknown;
  for (int i = 0; i < node.rails_size(); ++i) {
    if (node.rails(i).state() == v1::LINK_STATE_DOWN) continue;
    const Distance distance = DistanceOf(accelerator, node.rails(i));
    if (distance < least) {
      least = distance;
      nearest.clear();
    }
    if (distance == least) nearest.push_back(i);
  }
  return nearest;
}

}  // namespace ithaca::topology
