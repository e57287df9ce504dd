#include "daemon/topology/cluster_hardware.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/topology/accelerator_table.h"
#include "daemon/topology/check.h"
#include "daemon/topology/hostlist.h"
#include "daemon/topology/yaml_quantity.h"

namespace ithaca::topology {
namespace {

constexpr uint64_t kMaxU32 = 0xffffffff;

// Sets `field` of `message` from an optional.
#define ITHACA_SET(message, field, value)                                \
  if (const auto v = (value)) {                                          \
    (message).set_##field(static_cast<decltype((message).field())>(*v)); \
  }

void ReadPcie(YamlMap& entry, v1::PciLink* (*mutable_link)(void*),
              void* device) {
  if (!entry.Has("pcie")) return;
  YamlMap pcie(entry.Get("pcie"), entry.path(), entry.NameOf("pcie"),
               {"generation", "megatransfers", "lanes"});
  v1::PciLink& link = *mutable_link(device);
  if (const auto generation = pcie.Number("generation", 1, 6)) {
    link.set_megatransfers_per_second(PciGenerationRate(*generation));
  }
  ITHACA_SET(link, megatransfers_per_second,
             pcie.Number("megatransfers", 1, 1'000'000));
  ITHACA_SET(link, lanes, pcie.Number("lanes", 1, 64));
  entry.Take(pcie.status());
}

// What accelerators and rails have in common.
template <typename Device>
void ReadPciDevice(YamlMap& entry, Device& device) {
  ITHACA_SET(device, numa_node, entry.Number("numa_node", 0, kMaxU32));
  device.set_pci_address(entry.Text("pci_address").value_or(""));
  for (const std::string& bridge : entry.Texts("pci_bridges")) {
    device.add_pci_bridges(bridge);
  }
  ITHACA_SET(device, gpu_direct, entry.Switch("gpu_direct"));
  ReadPcie(
      entry,
      [](void* d) { return static_cast<Device*>(d)->mutable_pci_link(); },
      &device);
}

void ReadNvlinks(YamlMap& entry, v1::Accelerator& accelerator) {
  for (const YAML::Node& item : entry.List("nvlinks")) {
    YamlMap link(item, entry.path(), entry.NameOf("nvlinks"),
                 {"target", "links", "class"});
    v1::NvLink& made = *accelerator.add_nvlinks();
    made.set_target(link.Text("target").value_or(""));
    ITHACA_SET(made, links, link.Number("links", 1, 1024));
    made.set_target_class(link.Text("class").value_or(""));
    if (made.target().empty()) link.Fail("target", "missing");
    entry.Take(link.status());
  }
}

void ReadAcceleratorFacts(YamlMap& entry, v1::Accelerator& a) {
  a.set_model(entry.Text("model").value_or(""));
  ITHACA_SET(a, memory_bytes, Quantity(entry, "memory", Unit::kBytes));
  ITHACA_SET(a, memory_bytes_per_second,
             Quantity(entry, "memory_rate", Unit::kBytesPerSecond));
  ITHACA_SET(a, peak_flops, Quantity(entry, "peak", Unit::kFlops));
  ITHACA_SET(a, nvlink_bytes_per_second,
             Quantity(entry, "nvlink_rate", Unit::kBytesPerSecond));
  ITHACA_SET(a, host_link_bytes_per_second,
             Quantity(entry, "host_link", Unit::kBytesPerSecond));
  ITHACA_SET(a, compute_capability, entry.Number("capability", 10, 9999));
  a.set_uuid(entry.Text("uuid").value_or(""));
  if (const auto domain = entry.Text("nvlink")) {
    a.set_nvlink_domain(*domain == kNoNvlink ? "" : *domain);
    if (domain->empty())
      entry.Fail("nvlink", "is empty; write none where there is no NVLink");
  }
  ReadPciDevice(entry, a);
  ReadNvlinks(entry, a);
}

// Fills in what the table knows of a type, its domain included.
void ApplyType(YamlMap& entry, uint64_t count, v1::Accelerator& a) {
  const auto type = entry.Text("type");
  if (!type) return;
  const auto known = GetAccelerator(*type);
  if (!known.ok()) return entry.Fail("type", known.status());
  FillFrom(**known, kTableSource, a);
  if (a.has_nvlink_domain() || (*known)->nvlink_domain < count) return;
  a.set_nvlink_domain((*known)->rack_domain ? kDomainPlace : kNodePlace);
}

void ReadAccelerators(YamlMap& node_entry, v1::Node& node) {
  uint64_t next = 0;
  for (const YAML::Node& item : node_entry.List("accelerators")) {
    YamlMap entry(
        item, node_entry.path(), node_entry.NameOf("accelerators"),
        {"count", "type", "index", "model", "memory", "memory_rate", "peak",
         "nvlink", "nvlink_rate", "nvlinks", "pcie", "numa_node", "pci_address",
         "pci_bridges", "host_link", "capability", "gpu_direct", "uuid"});
    const uint64_t count = entry.Number("count", 1, kMaxPerNode).value_or(1);
    next = entry.Number("index", 0, kMaxU32 - kMaxPerNode).value_or(next);
    v1::Accelerator accelerator;
    ReadAcceleratorFacts(entry, accelerator);
    ApplyType(entry, count, accelerator);
    *accelerator.add_origins() = OriginOf(entry);
    if (count > 1 && (entry.Has("pci_address") || entry.Has("uuid")))
      entry.Fail("count", "several accelerators cannot share an address");
    if (static_cast<uint64_t>(node.accelerators_size()) + count > kMaxPerNode)
      entry.Fail("count",
                 absl::StrCat("more than ", kMaxPerNode, " on a node"));
    node_entry.Take(entry.status());
    if (!node_entry.status().ok()) return;
    for (uint64_t i = 0; i < count; ++i) {
      accelerator.set_local_index(static_cast<uint32_t>(next++));
      *node.add_accelerators() = accelerator;
    }
  }
}

void ReadState(YamlMap& entry, v1::Rail& rail) {
  const auto state = entry.Text("state");
  if (!state) return;
  if (*state == "up") return rail.set_state(v1::LINK_STATE_UP);
  if (*state == "down") return rail.set_state(v1::LINK_STATE_DOWN);
  entry.Fail("state", "must be up or down");
}

void ReadRails(YamlMap& node_entry, v1::Node& node) {
  for (const YAML::Node& item : node_entry.List("rails")) {
    YamlMap entry(
        item, node_entry.path(), node_entry.NameOf("rails"),
        {"names", "speed", "state", "numa_node", "pci_address", "pci_bridges",
         "pcie", "port", "guid", "rdma_device", "gpu_direct"});
    const auto names =
        ExpandHostlist(entry.Text("names").value_or(""), kMaxPerNode);
    entry.Fail("names", names.status());
    v1::Rail rail;
    ITHACA_SET(rail, speed_mbps, Quantity(entry, "speed", Unit::kMegabits));
    ITHACA_SET(rail, port, entry.Number("port", 0, kMaxU32));
    rail.set_guid(entry.Text("guid").value_or(""));
    rail.set_rdma_device(entry.Text("rdma_device").value_or(""));
    ReadState(entry, rail);
    ReadPciDevice(entry, rail);
    *rail.add_origins() = OriginOf(entry);
    node_entry.Take(entry.status());
    if (!node_entry.status().ok()) return;
    for (const std::string& name : *names) {
      rail.set_name(name);
      *node.add_rails() = rail;
    }
  }
}

void ReadCpu(YamlMap& node_entry, v1::Node& node) {
  if (!node_entry.Has("cpu")) return;
  YamlMap entry(
      node_entry.Get("cpu"), node_entry.path(), node_entry.NameOf("cpu"),
      {"architecture", "vendor", "model", "family_id", "model_id", "packages"});
  v1::Cpu& cpu = *node.mutable_cpu();
  cpu.set_architecture(entry.Text("architecture").value_or(""));
  cpu.set_vendor(entry.Text("vendor").value_or(""));
  cpu.set_model(entry.Text("model").value_or(""));
  ITHACA_SET(cpu, family_id, entry.Number("family_id", 0, kMaxU32));
  ITHACA_SET(cpu, model_id, entry.Number("model_id", 0, kMaxU32));
  ITHACA_SET(cpu, packages, entry.Number("packages", 1, kMaxPerNode));
  node_entry.Take(entry.status());
}

// distances: {0: 10, 1: 21}
void ReadDistances(YamlMap& entry, v1::NumaNode& numa) {
  if (!entry.Has("distances")) return;
  const YAML::Node distances = entry.Get("distances");
  if (!distances.IsMap())
    return entry.Fail("distances", "must map NUMA nodes to latencies");
  for (const auto& item : distances) {
    uint32_t to = 0, latency = 0;
    if (!item.second.IsScalar() ||
        !absl::SimpleAtoi(item.first.Scalar(), &to) ||
        !absl::SimpleAtoi(item.second.Scalar(), &latency)) {
      return entry.Fail("distances", "must map numbers to numbers");
    }
    v1::NumaDistance& distance = *numa.add_distances();
    distance.set_numa_node(to);
    distance.set_relative_latency(latency);
  }
}

void ReadNumaNodes(YamlMap& node_entry, v1::Node& node) {
  for (const YAML::Node& item : node_entry.List("numa_nodes")) {
    YamlMap entry(item, node_entry.path(), node_entry.NameOf("numa_nodes"),
                  {"index", "memory", "cpus", "distances"});
    v1::NumaNode& numa = *node.add_numa_nodes();
    const auto index = entry.Number("index", 0, kMaxU32);
    if (!index) entry.Fail("index", "missing");
    numa.set_index(static_cast<uint32_t>(index.value_or(0)));
    ITHACA_SET(numa, memory_bytes, Quantity(entry, "memory", Unit::kBytes));
    numa.set_cpus(entry.Text("cpus").value_or(""));
    ReadDistances(entry, numa);
    node_entry.Take(entry.status());
  }
}

void ReadBridges(YamlMap& node_entry, v1::Node& node) {
  for (const YAML::Node& item : node_entry.List("bridges")) {
    YamlMap entry(item, node_entry.path(), node_entry.NameOf("bridges"),
                  {"pci_address", "pcie"});
    v1::PciBridge& bridge = *node.add_pci_bridges();
    bridge.set_pci_address(entry.Text("pci_address").value_or(""));
    if (bridge.pci_address().empty()) entry.Fail("pci_address", "missing");
    ReadPcie(
        entry,
        [](void* b) {
          return static_cast<v1::PciBridge*>(b)->mutable_pci_link();
        },
        &bridge);
    node_entry.Take(entry.status());
  }
}

}  // namespace

v1::Origin OriginOf(const YamlMap& entry) {
  v1::Origin origin;
  origin.set_source(kFileSource);
  origin.set_location(absl::StrCat("line ", entry.line()));
  return origin;
}

void ReadHardware(YamlMap& entry, v1::Node& node) {
  ITHACA_SET(node, slots, entry.Number("slots", 1, kMaxU32));
  ITHACA_SET(node, host_memory_bytes,
             Quantity(entry, "host_memory", Unit::kBytes));
  ReadCpu(entry, node);
  ReadNumaNodes(entry, node);
  ReadAccelerators(entry, node);
  ReadRails(entry, node);
  ReadBridges(entry, node);
}

#undef ITHACA_SET

}  // namespace ithaca::topology
