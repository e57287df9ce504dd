#include "daemon/topology/check.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "daemon/topology/slots.h"

namespace ithaca::topology {
namespace {

constexpr uint64_t kMaxAmount = uint64_t{1} << 62;
constexpr double kMinOversubscription = 0.001;
constexpr double kMaxOversubscription = 1e6;

// Walks through a topology and keeps the first problem.
class Checker {
 public:
  absl::Status Check(const v1::Topology& topology, const std::string& path);

 private:
  void Bad(const std::string& field, absl::string_view problem) {
    if (status_.ok())
      status_ = absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
  }
  void Count(const std::string& field, int count, int most) {
    if (count > most)
      Bad(field, absl::StrCat("has ", count, " entries, at most ", most));
  }
  // A name that stands in lists of names.
  void Name(const std::string& field, const std::string& name) {
    const bool fits =
        !name.empty() && name.size() <= kMaxNodeNameBytes &&
        std::all_of(name.begin(), name.end(), [](char c) {
          return c > ' ' && c < 127 &&
                 std::string(",[]{}").find(c) == std::string::npos;
        });
    if (!fits)
      Bad(field, absl::StrCat("must be 1 to ", kMaxNodeNameBytes,
                              " printable ASCII characters without spaces and "
                              "without , [ ] { }"));
  }
  void Text(const std::string& field, const std::string& text) {
    const bool fits = text.size() <= kMaxTextBytes &&
                      std::all_of(text.begin(), text.end(),
                                  [](char c) { return c >= ' ' && c < 127; });
    if (!fits)
      Bad(field, absl::StrCat("must be at most ", kMaxTextBytes,
                              " printable ASCII characters"));
  }
  void Amount(const std::string& field, bool present, uint64_t amount) {
    if (present && (amount == 0 || amount >= kMaxAmount))
      Bad(field, "must be positive and below 2^62; leave out what is unknown");
  }
  void Range(const std::string& field, bool present, uint64_t value,
             uint64_t low, uint64_t high) {
    if (present && (value < low || value > high))
      Bad(field,
          absl::StrCat("is ", value, "; must be from ", low, " to ", high));
  }
  void Link(const std::string& field, const v1::PciLink& link) {
    Range(field + ".megatransfers_per_second",
          link.has_megatransfers_per_second(), link.megatransfers_per_second(),
          1, 1'000'000);
    Range(field + ".lanes", link.has_lanes(), link.lanes(), 1, 64);
  }
  template <typename Texts>
  void Bridges(const std::string& field, const Texts& bridges) {
    Count(field, bridges.size(), kMaxBridges);
    for (const std::string& bridge : bridges) Text(field, bridge);
  }
  void CheckLevel(const std::string& path, const v1::Level& level);
  void CheckAccelerator(const std::string& path, const v1::Accelerator& a);
  void CheckRail(const std::string& path, const v1::Rail& rail);
  void CheckCpu(const std::string& path, const v1::Node& node);
  void CheckNode(const std::string& path, const v1::Node& node, int levels);
  template <typename Origins>
  void CheckOrigins(const std::string& path, const Origins& origins);

  absl::Status status_;
  int sources_ = 0;
};

template <typename Origins>
void Checker::CheckOrigins(const std::string& path, const Origins& origins) {
  Count(path + ".origins", origins.size(), 64);
  for (const v1::Origin& origin : origins) {
    if (static_cast<int64_t>(origin.source()) >= sources_)
      Bad(path + ".origins", absl::StrCat("names source ", origin.source(),
                                          ", there are ", sources_));
    Text(path + ".origins.location", origin.location());
    Count(path + ".origins.fields", origin.fields_size(), 64);
    for (const std::string& f : origin.fields())
      Text(path + ".origins.fields", f);
  }
}

void Checker::CheckLevel(const std::string& path, const v1::Level& level) {
  Name(path + ".name", level.name());
  Amount(path + ".uplink_mbps", level.has_uplink_mbps(), level.uplink_mbps());
  const double over = level.oversubscription();
  if (level.has_oversubscription() &&
      !(over >= kMinOversubscription && over <= kMaxOversubscription)) {
    Bad(path + ".oversubscription",
        absl::StrCat("is ", over,
                     "; must be from 0.001 to 1000000, and 1 "
                     "where none of the rate is lost"));
  }
  CheckOrigins(path, level.origins());
}

void Checker::CheckAccelerator(const std::string& path,
                               const v1::Accelerator& a) {
  Text(path + ".model", a.model());
  Text(path + ".pci_address", a.pci_address());
  Text(path + ".uuid", a.uuid());
  Bridges(path + ".pci_bridges", a.pci_bridges());
  if (a.has_nvlink_domain() && !a.nvlink_domain().empty())
    Name(path + ".nvlink_domain", a.nvlink_domain());
  if (a.nvlink_domain() == "none")
    Bad(path + ".nvlink_domain", "cannot be called none; leave it empty");
  Link(path + ".pci_link", a.pci_link());
  Range(path + ".compute_capability", a.has_compute_capability(),
        a.compute_capability(), 10, 9999);
  Amount(path + ".memory_bytes", a.has_memory_bytes(), a.memory_bytes());
  Amount(path + ".nvlink_bytes_per_second", a.has_nvlink_bytes_per_second(),
         a.nvlink_bytes_per_second());
  Amount(path + ".memory_bytes_per_second", a.has_memory_bytes_per_second(),
         a.memory_bytes_per_second());
  Amount(path + ".host_link_bytes_per_second",
         a.has_host_link_bytes_per_second(), a.host_link_bytes_per_second());
  Amount(path + ".peak_flops", a.has_peak_flops(), a.peak_flops());
  Count(path + ".nvlinks", a.nvlinks_size(), kMaxPerNode);
  for (const v1::NvLink& link : a.nvlinks()) {
    Text(path + ".nvlinks.target", link.target());
    if (link.target().empty()) Bad(path + ".nvlinks.target", "missing");
    Range(path + ".nvlinks.links", true, link.links(), 0, 1024);
    Text(path + ".nvlinks.target_class", link.target_class());
  }
  CheckOrigins(path, a.origins());
}

void Checker::CheckRail(const std::string& path, const v1::Rail& rail) {
  Name(path + ".name", rail.name());
  Text(path + ".pci_address", rail.pci_address());
  Text(path + ".guid", rail.guid());
  Text(path + ".rdma_device", rail.rdma_device());
  Link(path + ".pci_link", rail.pci_link());
  Bridges(path + ".pci_bridges", rail.pci_bridges());
  Amount(path + ".speed_mbps", rail.has_speed_mbps(), rail.speed_mbps());
  CheckOrigins(path, rail.origins());
}

void Checker::CheckCpu(const std::string& path, const v1::Node& node) {
  Text(path + ".cpu.architecture", node.cpu().architecture());
  Text(path + ".cpu.vendor", node.cpu().vendor());
  Text(path + ".cpu.model", node.cpu().model());
  Range(path + ".cpu.packages", node.cpu().has_packages(),
        node.cpu().packages(), 1, kMaxPerNode);
  Count(path + ".numa_nodes", node.numa_nodes_size(), kMaxPerNode);
  std::unordered_set<uint32_t> seen;
  for (const v1::NumaNode& numa : node.numa_nodes()) {
    const std::string here =
        absl::StrCat(path, ".numa_nodes[", numa.index(), "]");
    if (!seen.insert(numa.index()).second) Bad(here, "is there twice");
    Amount(here + ".memory_bytes", numa.has_memory_bytes(),
           numa.memory_bytes());
    if (numa.cpus().size() > 4096) Bad(here + ".cpus", "is too long");
    Text(here + ".cpus", numa.cpus().substr(0, kMaxTextBytes));
    Count(here + ".distances", numa.distances_size(), kMaxPerNode);
    std::unordered_set<uint32_t> others;
    for (const v1::NumaDistance& distance : numa.distances())
      if (!others.insert(distance.numa_node()).second)
        Bad(here + ".distances", "names a NUMA node twice");
    CheckOrigins(here, numa.origins());
  }
}

void Checker::CheckNode(const std::string& path, const v1::Node& node,
                        int levels) {
  Name(path + ".name", node.name());
  Amount(path + ".host_memory_bytes", node.has_host_memory_bytes(),
         node.host_memory_bytes());
  Count(path + ".accelerators", node.accelerators_size(), kMaxPerNode);
  Count(path + ".rails", node.rails_size(), kMaxPerNode);
  if (node.pods_size() > levels)
    Bad(path + ".pods", absl::StrCat("names ", node.pods_size(),
                                     " pods, there are ", levels, " levels"));
  for (const std::string& pod : node.pods())
    if (!pod.empty()) Name(path + ".pods", pod);
  CheckCpu(path, node);
  std::unordered_set<uint32_t> indices;
  for (int i = 0; i < node.accelerators_size() && status_.ok(); ++i) {
    const std::string here = absl::StrCat(path, ".accelerators[", i, "]");
    if (!indices.insert(node.accelerators(i).local_index()).second)
      Bad(here + ".local_index", "is there twice on one node");
    CheckAccelerator(here, node.accelerators(i));
  }
  std::unordered_set<std::string> rails;
  for (int i = 0; i < node.rails_size() && status_.ok(); ++i) {
    const std::string here = absl::StrCat(path, ".rails[", i, "]");
    if (!rails.insert(node.rails(i).name()).second)
      Bad(here + ".name", absl::StrCat("two rails of one node are called \"",
                                       node.rails(i).name(), "\""));
    CheckRail(here, node.rails(i));
  }
  Count(path + ".pci_bridges", node.pci_bridges_size(), kMaxPerNode);
  for (const v1::PciBridge& bridge : node.pci_bridges()) {
    Text(path + ".pci_bridges.pci_address", bridge.pci_address());
    if (bridge.pci_address().empty())
      Bad(path + ".pci_bridges.pci_address", "missing");
    Link(path + ".pci_bridges.pci_link", bridge.pci_link());
  }
  CheckOrigins(path, node.origins());
}

absl::Status Checker::Check(const v1::Topology& topology,
                            const std::string& path) {
  if (topology.ByteSizeLong() > kMaxTopologyBytes)
    Bad(path, absl::StrCat("is larger than ", kMaxTopologyBytes, " bytes"));
  sources_ = topology.sources_size();
  Count(path + ".sources", sources_, 64);
  for (const v1::Source& source : topology.sources())
    if (source.name().size() > 4096) Bad(path + ".sources", "name is too long");
  Count(path + ".nodes", topology.nodes_size(), kMaxNodes);
  Count(path + ".levels", topology.levels_size(), kMaxLevels);
  CheckOrigins(path, topology.origins());
  std::unordered_set<std::string> names;
  for (int i = 0; i < topology.levels_size() && status_.ok(); ++i) {
    const std::string here = absl::StrCat(path, ".levels[", i, "]");
    if (!names.insert(topology.levels(i).name()).second)
      Bad(here + ".name", absl::StrCat("two levels are called \"",
                                       topology.levels(i).name(), "\""));
    CheckLevel(here, topology.levels(i));
  }
  names.clear();
  for (int i = 0; i < topology.nodes_size() && status_.ok(); ++i) {
    const std::string here = absl::StrCat(path, ".nodes[", i, "]");
    CheckNode(here, topology.nodes(i), topology.levels_size());
    if (!names.insert(topology.nodes(i).name()).second)
      Bad(here + ".name", absl::StrCat("two nodes are called \"",
                                       topology.nodes(i).name(), "\""));
  }
  return status_;
}

}  // namespace

absl::Status CheckTopology(const v1::Topology& topology,
                           const std::string& path) {
  return Checker().Check(topology, path);
}

}  // namespace ithaca::topology
