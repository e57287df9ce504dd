#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/topology/accelerator_table.h"
#include "daemon/topology/check.h"
#include "daemon/topology/file_error.h"
#include "daemon/topology/nccl_xml.h"
#include "daemon/topology/nvlink_domains.h"
#include "daemon/topology/pci_text.h"
#include "daemon/topology/xml_text.h"

namespace ithaca::topology {
namespace {

using Element = tinyxml2::XMLElement;

constexpr uint32_t kFileSource = 0;
constexpr uint32_t kTableSource = 1;
// What NCCL writes for a switch that the node cannot see.
constexpr char kHiddenSwitch[] = "fffffff:ff:ff.0";

v1::Origin OriginOf(const Element& element) {
  v1::Origin origin;
  origin.set_source(kFileSource);
  origin.set_location(LineOf(element));
  return origin;
}

// "0x10de" and "0x2330" as "10de:2330".
std::string PciIdOf(const Element& pci) {
  absl::string_view vendor = Attribute(pci, "vendor");
  absl::string_view device = Attribute(pci, "device");
  absl::ConsumePrefix(&vendor, "0x");
  absl::ConsumePrefix(&device, "0x");
  return absl::StrCat(vendor, ":", device);
}

// A device with its place among those of its node: the file's `dev`, else the
// order of the file behind all that have one.
template <typename Device>
struct Placed {
  uint64_t dev;
  Device device;
};

// What is gathered of one host.
struct Host {
  v1::Node node;
  std::vector<Placed<v1::Accelerator>> accelerators;
  std::vector<Placed<v1::Rail>> rails;
};

class Reader {
 public:
  Reader(std::string path, std::string node_name)
      : path_(std::move(path)), node_name_(std::move(node_name)) {}

  absl::StatusOr<v1::Topology> Read(const Element& system);

 private:
  void ReadCpu(const Element& cpu);
  void ReadPci(const Element& pci, std::vector<std::string> bridges);
  void ReadGpu(const Element& pci, const Element* gpu,
               const std::vector<std::string>& bridges);
  void ReadNic(const Element* pci, const Element* nic,
               const std::vector<std::string>& bridges);
  v1::Rail ReadNet(const Element& net);
  Host& HostOf(const Element& cpu);
  void Finish(size_t index, Host& host, v1::Topology& topology);
  void Fail(const Element& element, absl::string_view problem) {
    if (status_.ok()) status_ = FileError(path_, element.GetLineNum(), problem);
  }
  // Sets what all PCI devices have.
  template <typename Device>
  void Place(const Element* pci, const std::vector<std::string>& bridges,
             Device& device) {
    if (numa_) device.set_numa_node(*numa_);
    if (pci == nullptr) return;
    device.set_pci_address(NormalPciAddress(Attribute(*pci, "busid")));
    device.mutable_pci_bridges()->Assign(bridges.begin(), bridges.end());
    v1::PciLink link;
    SetPciLink(Attribute(*pci, "link_speed"), Attribute(*pci, "link_width"),
               link);
    if (link.ByteSizeLong() > 0) *device.mutable_pci_link() = link;
  }

  const std::string path_;
  const std::string node_name_;
  std::map<std::string, size_t> by_hash_;
  std::vector<Host> hosts_;
  Host* host_ = nullptr;          // of the <cpu> that is read
  std::optional<uint32_t> numa_;  // of the <cpu> that is read
  absl::Status status_;
};

Host& Reader::HostOf(const Element& cpu) {
  const std::string hash(Attribute(cpu, "host_hash"));
  const auto [found, is_new] = by_hash_.emplace(hash, hosts_.size());
  if (is_new) {
    hosts_.emplace_back();
    *hosts_.back().node.add_origins() = OriginOf(cpu);
  }
  return hosts_[found->second];
}

void Reader::ReadCpu(const Element& element) {
  host_ = &HostOf(element);
  v1::Cpu& cpu = *host_->node.mutable_cpu();
  if (cpu.architecture().empty())
    cpu.set_architecture(std::string(Attribute(element, "arch")));
  if (cpu.vendor().empty())
    cpu.set_vendor(std::string(Attribute(element, "vendor")));
  const auto family = NumberAttribute(element, "familyid");
  const auto model = NumberAttribute(element, "modelid");
  if (family) cpu.set_family_id(static_cast<uint32_t>(*family));
  if (model) cpu.set_model_id(static_cast<uint32_t>(*model));
  numa_.reset();
  const auto numa = NumberAttribute(element, "numaid");
  if (numa && *numa < kMaxPerNode) {
    numa_ = static_cast<uint32_t>(*numa);
    v1::NumaNode& made = *host_->node.add_numa_nodes();
    made.set_index(*numa_);
    made.set_cpus(CpuListOfMask(Attribute(element, "affinity")));
    *made.add_origins() = OriginOf(element);
  }
  for (const Element* child = element.FirstChildElement(); child != nullptr;
       child = child->NextSiblingElement()) {
    if (absl::string_view(child->Name()) == "pci") ReadPci(*child, {});
    if (absl::string_view(child->Name()) == "nic") ReadNic(nullptr, child, {});
  }
}

void Reader::ReadPci(const Element& pci, std::vector<std::string> bridges) {
  if (!status_.ok()) return;
  const std::string kind = absl::AsciiStrToLower(Attribute(pci, "class"));
  if (Attribute(pci, "busid").empty())
    return Fail(pci, "<pci> has no busid; write busid=\"dddd:bb:dd.f\"");
  const Element* gpu = pci.FirstChildElement("gpu");
  const Element* nic = pci.FirstChildElement("nic");
  if (gpu != nullptr || absl::StartsWith(kind, "0x03"))
    return ReadGpu(pci, gpu, bridges);
  if (nic != nullptr || absl::StartsWith(kind, "0x02"))
    return ReadNic(&pci, nic, bridges);
  const std::string address = NormalPciAddress(Attribute(pci, "busid"));
  v1::PciLink link;
  SetPciLink(Attribute(pci, "link_speed"), Attribute(pci, "link_width"), link);
  const Element* child = pci.FirstChildElement("pci");
  if (child != nullptr && link.ByteSizeLong() > 0) {
    v1::PciBridge& bridge = *host_->node.add_pci_bridges();
    bridge.set_pci_address(address);
    *bridge.mutable_pci_link() = link;
  }
  bridges.insert(bridges.begin(), address);
  for (; child != nullptr; child = child->NextSiblingElement("pci"))
    ReadPci(*child, bridges);
}

void Reader::ReadGpu(const Element& pci, const Element* gpu,
                     const std::vector<std::string>& bridges) {
  v1::Accelerator a;
  Place(&pci, bridges, a);
  *a.add_origins() = OriginOf(pci);
  uint64_t dev = UINT64_MAX;
  if (gpu != nullptr) {
    dev = NumberAttribute(*gpu, "dev").value_or(dev);
    if (const auto sm = NumberAttribute(*gpu, "sm"); sm && *sm > 0)
      a.set_compute_capability(static_cast<uint32_t>(*sm));
    if (const auto gdr = NumberAttribute(*gpu, "gdr"))
      a.set_gpu_direct(*gdr != 0);
    for (const Element* link = gpu->FirstChildElement("nvlink");
         link != nullptr; link = link->NextSiblingElement("nvlink")) {
      v1::NvLink& made = *a.add_nvlinks();
      made.set_target(NormalPciAddress(Attribute(*link, "target")));
      made.set_links(static_cast<uint32_t>(std::min<uint64_t>(
          NumberAttribute(*link, "count").value_or(0), 1024)));
      made.set_target_class(std::string(Attribute(*link, "tclass")));
      if (made.target().empty())
        Fail(*link,
             "<nvlink> has no target; write the PCI address of the "
             "other end");
    }
  }
  if (const auto* known = FindAcceleratorByPci(PciIdOf(pci)))
    FillFrom(*known, kTableSource, a);
  if (dev != UINT64_MAX && dev > UINT32_MAX) Fail(*gpu, "dev is too large");
  host_->accelerators.push_back({dev, std::move(a)});
}

v1::Rail Reader::ReadNet(const Element& net) {
  v1::Rail rail;
  rail.set_name(std::string(Attribute(net, "name")));
  if (const auto speed = NumberAttribute(net, "speed"); speed && *speed > 0)
    rail.set_speed_mbps(*speed);
  if (const auto port = NumberAttribute(net, "port"); port && *port > 0)
    rail.set_port(static_cast<uint32_t>(*port));
  if (NumberAttribute(net, "guid").value_or(0) != 0)
    rail.set_guid(std::string(Attribute(net, "guid")));
  if (const auto gdr = NumberAttribute(net, "gdr"))
    rail.set_gpu_direct(*gdr != 0);
  *rail.add_origins() = OriginOf(net);
  return rail;
}

void Reader::ReadNic(const Element* pci, const Element* nic,
                     const std::vector<std::string>& bridges) {
  v1::Rail rail;
  const Element* net = nic == nullptr ? nullptr : nic->FirstChildElement("net");
  if (net == nullptr && pci != nullptr) {  // known by its PCI function alone
    Place(pci, bridges, rail);
    rail.set_name(rail.pci_address());
    *rail.add_origins() = OriginOf(*pci);
    host_->rails.push_back({UINT64_MAX, std::move(rail)});
  }
  for (; net != nullptr; net = net->NextSiblingElement("net")) {
    if (NumberAttribute(*net, "net").value_or(1) == 0) continue;  // not for us
    rail = ReadNet(*net);
    Place(pci, bridges, rail);
    if (rail.name().empty())
      Fail(*net, "<net> has no name; write name=\"eth0\"");
    host_->rails.push_back(
        {NumberAttribute(*net, "dev").value_or(UINT64_MAX), std::move(rail)});
  }
}

void Reader::Finish(size_t index, Host& host, v1::Topology& topology) {
  const auto by_dev = [](const auto& a, const auto& b) {
    return a.dev < b.dev;
  };
  std::stable_sort(host.accelerators.begin(), host.accelerators.end(), by_dev);
  std::stable_sort(host.rails.begin(), host.rails.end(), by_dev);
  v1::Node& node = *topology.add_nodes();
  node = std::move(host.node);
  node.set_name(hosts_.size() == 1 ? node_name_
                                   : absl::StrCat(node_name_, "-", index));
  if (node.cpu().ByteSizeLong() == 0) node.clear_cpu();
  uint64_t next = 0;
  for (Placed<v1::Accelerator>& placed : host.accelerators) {
    const uint64_t dev = placed.dev == UINT64_MAX ? next : placed.dev;
    next = dev + 1;
    placed.device.set_local_index(static_cast<uint32_t>(dev));
    *node.add_accelerators() = std::move(placed.device);
  }
  std::set<std::string> names;
  for (Placed<v1::Rail>& placed : host.rails) {
    v1::Rail& rail = placed.device;
    // Ports of one NIC have one name.
    if (names.count(rail.name()) != 0)
      rail.set_name(absl::StrCat(rail.name(), ":", rail.port()));
    names.insert(rail.name());
    *node.add_rails() = std::move(rail);
  }
  for (v1::Accelerator& a : *node.mutable_accelerators()) {
    const bool hidden = std::any_of(
        a.nvlinks().begin(), a.nvlinks().end(),
        [](const v1::NvLink& link) { return link.target() == kHiddenSwitch; });
    if (hosts_.size() > 1 && hidden) a.set_nvlink_domain(node_name_);
  }
  SetNvlinkDomains(node);
}

absl::StatusOr<v1::Topology> Reader::Read(const Element& system) {
  if (Attribute(system, "version") != "1") {
    return FileError(path_, system.GetLineNum(),
                     "<system> must say version=\"1\", the only one there is");
  }
  for (const Element* cpu = system.FirstChildElement("cpu"); cpu != nullptr;
       cpu = cpu->NextSiblingElement("cpu")) {
    ReadCpu(*cpu);
  }
  if (!status_.ok()) return status_;
  if (hosts_.empty())
    return FileError(path_, system.GetLineNum(), "<system> holds no <cpu>");
  v1::Topology topology;
  topology.add_sources()->set_kind(v1::SOURCE_KIND_NCCL_XML);
  topology.mutable_sources(kFileSource)->set_name(path_);
  topology.add_sources()->set_kind(v1::SOURCE_KIND_ACCELERATOR_TABLE);
  topology.mutable_sources(kTableSource)->set_name("accelerators.yaml");
  for (size_t i = 0; i < hosts_.size(); ++i) Finish(i, hosts_[i], topology);
  if (absl::Status s = CheckTopology(topology, path_); !s.ok()) return s;
  return topology;
}

}  // namespace

absl::StatusOr<v1::Topology> ReadNcclXml(absl::string_view text,
                                         const std::string& path,
                                         const std::string& node_name) {
  const auto document = ParseXml(text, path, "system");
  if (!document.ok()) return document.status();
  return Reader(path, node_name).Read(*(*document)->RootElement());
}

}  // namespace ithaca::topology
