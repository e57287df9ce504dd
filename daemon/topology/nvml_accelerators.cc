#include "daemon/topology/nvml_accelerators.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "daemon/topology/accelerator_table.h"
#include "daemon/topology/nvlink_domains.h"
#include "daemon/topology/origins.h"

namespace ithaca::topology {
namespace {

constexpr char kLocation[] = "NVML";
constexpr char kGpuClass[] = "0x030200";

// Sets the links, one entry for each other end.
void SetLinks(const NvmlGpu& gpu, const std::set<std::string>& own,
              v1::Accelerator& a) {
  std::map<std::string, std::pair<uint32_t, bool>> ends;
  for (const NvmlGpu::Link& link : gpu.links) {
    auto& [count, is_switch] = ends[link.pci_address];
    ++count;
    // A driver that does not type the other end: what is no GPU here is a
    // switch.
    is_switch = link.is_switch || own.count(link.pci_address) == 0;
  }
  a.clear_nvlinks();
  for (const auto& [address, end] : ends) {
    if (address.empty()) continue;
    v1::NvLink& made = *a.add_nvlinks();
    made.set_target(address);
    made.set_links(end.first);
    made.set_target_class(end.second ? kNvswitchClass : kGpuClass);
  }
}

void Apply(const NvmlGpu& gpu, const std::set<std::string>& own,
           uint32_t source, v1::Accelerator& a) {
  const auto from_nvml = [&](const char* field) {
    SetOrigin(field, source, kLocation, *a.mutable_origins());
  };
  a.set_pci_address(gpu.pci_address);
  if (!gpu.name.empty()) {
    a.set_model(gpu.name);
    from_nvml("model");
  }
  if (!gpu.uuid.empty()) {
    a.set_uuid(gpu.uuid);
    from_nvml("uuid");
  }
  if (gpu.memory_bytes) {
    a.set_memory_bytes(*gpu.memory_bytes);
    from_nvml("memory_bytes");
  }
  if (gpu.compute_capability) {
    a.set_compute_capability(*gpu.compute_capability);
    from_nvml("compute_capability");
  }
  if (gpu.pci_generation && PciGenerationRate(*gpu.pci_generation) > 0) {
    a.mutable_pci_link()->set_megatransfers_per_second(
        PciGenerationRate(*gpu.pci_generation));
    if (gpu.pci_lanes && *gpu.pci_lanes <= 64)
      a.mutable_pci_link()->set_lanes(*gpu.pci_lanes);
    from_nvml("pci_link");
  }
  SetLinks(gpu, own, a);
  from_nvml("nvlinks");
  if (a.nvlinks_size() == 0) {
    a.set_nvlink_domain("");
  } else if (!gpu.fabric.empty()) {
    a.set_nvlink_domain(gpu.fabric);
  }
  // What the links say is better than what the table has.
  a.clear_nvlink_bytes_per_second();
  from_nvml("nvlink_domain");
}

}  // namespace

void AddNvmlGpus(const std::vector<NvmlGpu>& gpus, uint32_t source,
                 uint32_t table_source, v1::Node& node) {
  std::set<std::string> own;
  for (const NvmlGpu& gpu : gpus) own.insert(gpu.pci_address);
  std::vector<v1::Accelerator> rest(node.accelerators().begin(),
                                    node.accelerators().end());
  node.clear_accelerators();
  for (const NvmlGpu& gpu : gpus) {
    v1::Accelerator& a = *node.add_accelerators();
    const auto same = std::find_if(
        rest.begin(), rest.end(), [&gpu](const v1::Accelerator& each) {
          return each.pci_address() == gpu.pci_address;
        });
    if (same != rest.end()) {
      a = std::move(*same);
      rest.erase(same);
    }
    Apply(gpu, own, source, a);
  }
  const int from_nvml = node.accelerators_size();
  for (v1::Accelerator& each : rest) *node.add_accelerators() = std::move(each);
  SetNvlinkDomains(node);
  for (int i = 0; i < node.accelerators_size(); ++i) {
    v1::Accelerator& a = *node.mutable_accelerators(i);
    a.set_local_index(static_cast<uint32_t>(i));
    if (a.has_nvlink_bytes_per_second() && i < from_nvml)
      SetOrigin("nvlink_bytes_per_second", source, kLocation,
                *a.mutable_origins());
    const KnownAccelerator* known = FindAccelerator(a.model());
    if (i >= from_nvml || known == nullptr) continue;
    KnownAccelerator figures = *known;
    if (a.nvlinks_size() == 0) figures.nvlink_bytes_per_second.reset();
    FillFrom(figures, table_source, a);
  }
}

}  // namespace ithaca::topology
