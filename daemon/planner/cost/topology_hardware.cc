#include "daemon/planner/cost/topology_hardware.h"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace ithaca::planner {
namespace {

namespace v1 = topology::v1;

constexpr double kBytesPerSecondOfMbps = 1e6 / 8;

// The least of figures, absent as soon as one is.
class Least {
 public:
  void Add(std::optional<double> figure) {
    known_ = known_ && figure.has_value();
    if (figure) least_ = least_ ? std::min(*least_, *figure) : *figure;
  }
  std::optional<double> Get() const { return known_ ? least_ : std::nullopt; }

 private:
  bool known_ = true;
  std::optional<double> least_;
};

std::optional<double> When(bool present, uint64_t value) {
  if (!present) return std::nullopt;
  return static_cast<double>(value);
}

// Share of the transfers of a PCI Express lane that are data.
double PciCoding(uint32_t megatransfers) {
  if (megatransfers <= 5000) return 8.0 / 10;
  if (megatransfers <= 32000) return 128.0 / 130;
  return 0.98;
}

std::optional<double> HostLink(const v1::Accelerator& a) {
  if (a.has_host_link_bytes_per_second())
    return static_cast<double>(a.host_link_bytes_per_second());
  const v1::PciLink& link = a.pci_link();
  if (!link.has_megatransfers_per_second() || !link.has_lanes())
    return std::nullopt;
  return link.megatransfers_per_second() * 1e6 * link.lanes() / 8 *
         PciCoding(link.megatransfers_per_second());
}

uint32_t RanksOf(const v1::Node& node) {
  return node.slots() != 0 ? node.slots()
                           : static_cast<uint32_t>(node.accelerators_size());
}

// What one rank has of the rails of its node, in bytes per second.
std::optional<double> RailShare(const v1::Node& node) {
  double mbps = 0;
  for (const v1::Rail& rail : node.rails()) {
    if (rail.state() == v1::LINK_STATE_DOWN) continue;
    if (!rail.has_speed_mbps()) return std::nullopt;
    mbps += static_cast<double>(rail.speed_mbps());
  }
  const uint32_t ranks = RanksOf(node);
  if (mbps == 0 || ranks == 0) return std::nullopt;
  return mbps * kBytesPerSecondOfMbps / ranks;
}

// Accelerators of the smallest NVLink domain; 1 when one is unknown.
uint32_t SmallestDomain(const v1::Topology& topology) {
  std::unordered_map<std::string, uint32_t> sizes;
  for (const v1::Node& node : topology.nodes()) {
    if (node.accelerators_size() == 0) return 1;
    for (const v1::Accelerator& a : node.accelerators()) {
      if (!a.has_nvlink_domain() || a.nvlink_domain().empty()) return 1;
      ++sizes[a.nvlink_domain()];
    }
  }
  uint32_t smallest = 0;
  for (const auto& [name, size] : sizes)
    smallest = smallest == 0 ? size : std::min(smallest, size);
  return std::max(smallest, 1u);
}

// What one rank has of a path through all levels when it has `leaf` of its own
// node. Absent when a level that is crossed does not tell.
std::optional<double> UplinkShare(const v1::Topology& topology, double leaf) {
  if (topology.levels_size() == 0) return std::nullopt;
  double share = leaf;
  double least = leaf;
  for (int level = 0; level < topology.levels_size(); ++level) {
    std::unordered_map<std::string, double> ranks;  // below each pod
    for (const v1::Node& node : topology.nodes()) {
      if (node.pods_size() <= level || node.pods(level).empty())
        return std::nullopt;
      ranks[node.pods(level)] += RanksOf(node);
    }
    if (ranks.size() < 2) continue;
    const v1::Level& facts = topology.levels(level);
    if (facts.has_oversubscription()) {
      // Below 1 the uplinks are faster than all that can come.
      share /= std::max(facts.oversubscription(), 1.0);
    } else if (!facts.has_uplink_mbps()) {
      return std::nullopt;
    }
    if (facts.has_uplink_mbps()) {
      for (const auto& [pod, count] : ranks)
        least = std::min(least, static_cast<double>(facts.uplink_mbps()) *
                                    kBytesPerSecondOfMbps / count);
    }
  }
  return std::min(share, least);
}

void SetLink(Hardware& hardware, LinkClass link, std::optional<double> rate) {
  if (!rate) return;
  LinkRate known;
  known.bytes_per_second = *rate;
  hardware.links[static_cast<size_t>(link)] = known;
}

std::optional<uint64_t> Whole(const std::optional<double>& figure) {
  if (!figure) return std::nullopt;
  return static_cast<uint64_t>(*figure);
}

}  // namespace

Hardware HardwareOf(const v1::Topology& topology) {
  Least peak, memory_rate, memory, host_memory, host_link, nvlink, rails, ranks;
  for (const v1::Node& node : topology.nodes()) {
    for (const v1::Accelerator& a : node.accelerators()) {
      peak.Add(When(a.has_peak_flops(), a.peak_flops()));
      memory.Add(When(a.has_memory_bytes(), a.memory_bytes()));
      memory_rate.Add(
          When(a.has_memory_bytes_per_second(), a.memory_bytes_per_second()));
      nvlink.Add(
          When(a.has_nvlink_bytes_per_second(), a.nvlink_bytes_per_second()));
      host_link.Add(HostLink(a));
    }
    host_memory.Add(
        When(node.has_host_memory_bytes(), node.host_memory_bytes()));
    ranks.Add(RanksOf(node));
    rails.Add(RailShare(node));
  }
  Hardware hardware;
  hardware.peak_flops = peak.Get();
  hardware.memory_bytes_per_second = memory_rate.Get();
  hardware.memory_bytes = Whole(memory.Get());
  hardware.host_memory_bytes = Whole(host_memory.Get());
  hardware.host_link_bytes_per_second = host_link.Get();
  hardware.accelerators_per_node =
      std::max<uint32_t>(1, static_cast<uint32_t>(ranks.Get().value_or(1)));
  hardware.accelerators_per_nvlink_domain = SmallestDomain(topology);
  if (hardware.accelerators_per_nvlink_domain > 1)
    SetLink(hardware, LinkClass::kNvlink, nvlink.Get());
  SetLink(hardware, LinkClass::kNode, host_link.Get());
  SetLink(hardware, LinkClass::kLeaf, rails.Get());
  if (rails.Get())
    SetLink(hardware, LinkClass::kUplink, UplinkShare(topology, *rails.Get()));
  return hardware;
}

}  // namespace ithaca::planner
