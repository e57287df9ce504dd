#include "daemon/topology/machine.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/topology/check.h"
#include "daemon/topology/hwloc_machine.h"
#include "daemon/topology/hwloc_xml.h"
#include "daemon/topology/nvml.h"
#include "daemon/topology/nvml_accelerators.h"
#include "daemon/topology/sysfs_links.h"

namespace ithaca::topology {
namespace {

constexpr uint32_t kMachineSource = 0;  // as ReadHwlocXml numbers them
constexpr uint32_t kTableSource = 1;
constexpr char kPath[] = "hwloc";

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name
                                                                    : "node";
}

// Lines of a text that nobody sees say nothing.
template <typename Message>
void NameHwloc(Message& message) {
  for (v1::Origin& origin : *message.mutable_origins())
    if (origin.source() == kMachineSource) origin.set_location(kPath);
}

void AddNvml(const std::string& library, Machine& machine) {
  if (library.empty()) return;
  v1::Node& node = *machine.topology.mutable_nodes(0);
  const auto nvml = Nvml::Open(library);
  if (!nvml.ok()) {
    machine.notes.push_back(absl::StrCat(nvml.status().message(),
                                         "; of NVIDIA GPUs only PCI is known"));
    return;
  }
  const auto gpus = (*nvml)->Gpus();
  if (!gpus.ok()) {
    machine.notes.emplace_back(gpus.status().message());
    return;
  }
  AddNvmlGpus(*gpus, kMachineSource, kTableSource, node);
}

void AddNotes(Machine& machine) {
  const v1::Node& node = machine.topology.nodes(0);
  for (const v1::Rail& rail : node.rails()) {
    if (rail.has_speed_mbps()) continue;
    machine.notes.push_back(absl::StrCat(
        "the kernel does not know the speed of ", rail.name(),
        rail.state() == v1::LINK_STATE_DOWN ? ", which is down" : ""));
  }
}

}  // namespace

absl::StatusOr<Machine> DiscoverMachine(const MachineOptions& options) {
  std::string xml = options.hwloc_xml;
  if (xml.empty()) {
    auto asked = HwlocXmlOfThisMachine();
    if (!asked.ok()) return asked.status();
    xml = *std::move(asked);
  }
  const std::string name =
      options.node_name.empty() ? HostName() : options.node_name;
  auto topology = ReadHwlocXml(xml, kPath, name);
  if (!topology.ok()) return topology.status();
  Machine machine;
  machine.topology = *std::move(topology);
  v1::Source& source = *machine.topology.mutable_sources(kMachineSource);
  source.set_kind(v1::SOURCE_KIND_MACHINE);
  source.set_name(name);
  v1::Node& node = *machine.topology.mutable_nodes(0);
  NameHwloc(node);
  for (auto& a : *node.mutable_accelerators()) NameHwloc(a);
  for (auto& rail : *node.mutable_rails()) NameHwloc(rail);
  for (auto& numa : *node.mutable_numa_nodes()) NameHwloc(numa);
  AddNvml(options.nvml_library, machine);
  AddLinks(options.sysfs, kMachineSource, node);
  if (node.accelerators_size() == 0)
    node.set_slots(static_cast<uint32_t>(std::max(1, node.numa_nodes_size())));
  AddNotes(machine);
  if (absl::Status s = CheckTopology(machine.topology, kPath); !s.ok())
    return s;
  return machine;
}

}  // namespace ithaca::topology
