#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/topology/accelerator_table.h"
#include "daemon/topology/nccl_xml.h"
#include "daemon/topology/pci_text.h"
#include "daemon/topology/xml_text.h"

namespace ithaca::topology {
namespace {

constexpr char kBridgeClass[] = "0x060400";
constexpr char kGpuClass[] = "0x030200";
constexpr char kNicClass[] = "0x020000";

// A bridge, or a root of bridges: what hangs below it.
struct Branch {
  std::vector<std::pair<std::string, Branch>> bridges;  // by PCI address
  std::vector<const v1::Accelerator*> accelerators;
  std::vector<int> rails;  // indices into Node.rails

  Branch& Below(const std::string& address) {
    for (auto& [name, branch] : bridges)
      if (name == address) return branch;
    return bridges.emplace_back(address, Branch()).second;
  }
};

template <typename Device>
Branch& BranchOf(Branch& root, const Device& device) {
  Branch* at = &root;
  for (int i = device.pci_bridges_size(); i-- > 0;)
    at = &at->Below(device.pci_bridges(i));
  return *at;
}

// Number of a NUMA node; -1: unknown.
template <typename Device>
int64_t NumaOf(const Device& device) {
  return device.has_numa_node() ? device.numa_node() : -1;
}

class Writer {
 public:
  explicit Writer(const v1::Node& node) : node_(node) {}
  std::string Write();

 private:
  void WriteCpu(int64_t numa, const Branch& root);
  void WriteBranch(const Branch& branch);
  void OpenPci(const std::string& address, const char* kind,
               const v1::PciLink& link);
  void WriteAccelerator(const v1::Accelerator& a);
  void WriteNet(int index);
  void WriteRails(const std::vector<int>& rails);

  const v1::Node& node_;
  tinyxml2::XMLPrinter out_;
};

void Writer::OpenPci(const std::string& address, const char* kind,
                     const v1::PciLink& link) {
  out_.OpenElement("pci");
  out_.PushAttribute("busid", address.c_str());
  out_.PushAttribute("class", kind);
  out_.PushAttribute("link_speed", PciSpeedText(link).c_str());
  out_.PushAttribute("link_width", static_cast<unsigned>(link.lanes()));
}

void Writer::WriteAccelerator(const v1::Accelerator& a) {
  OpenPci(a.pci_address(), kGpuClass, a.pci_link());
  const KnownAccelerator* known = FindAccelerator(a.model());
  if (known != nullptr && !known->pci.empty()) {
    out_.PushAttribute("vendor",
                       absl::StrCat("0x", known->pci.substr(0, 4)).c_str());
    out_.PushAttribute("device",
                       absl::StrCat("0x", known->pci.substr(5)).c_str());
  }
  out_.OpenElement("gpu");
  out_.PushAttribute("dev", static_cast<unsigned>(a.local_index()));
  if (a.has_compute_capability())
    out_.PushAttribute("sm", static_cast<unsigned>(a.compute_capability()));
  if (a.has_gpu_direct()) out_.PushAttribute("gdr", a.gpu_direct() ? 1 : 0);
  for (const v1::NvLink& link : a.nvlinks()) {
    out_.OpenElement("nvlink");
    out_.PushAttribute("target", link.target().c_str());
    out_.PushAttribute("count", static_cast<unsigned>(link.links()));
    if (!link.target_class().empty())
      out_.PushAttribute("tclass", link.target_class().c_str());
    out_.CloseElement();
  }
  out_.CloseElement();
  out_.CloseElement();
}

void Writer::WriteNet(int index) {
  const v1::Rail& rail = node_.rails(index);
  out_.OpenElement("net");
  const std::string& name =
      rail.rdma_device().empty() ? rail.name() : rail.rdma_device();
  out_.PushAttribute("name", name.c_str());
  out_.PushAttribute("dev", index);
  if (rail.has_speed_mbps())
    out_.PushAttribute("speed", absl::StrCat(rail.speed_mbps()).c_str());
  if (rail.has_port())
    out_.PushAttribute("port", static_cast<unsigned>(rail.port()));
  if (!rail.guid().empty()) out_.PushAttribute("guid", rail.guid().c_str());
  if (rail.has_gpu_direct())
    out_.PushAttribute("gdr", rail.gpu_direct() ? 1 : 0);
  out_.CloseElement();
}

// Ports of one PCI function are nets of one nic.
void Writer::WriteRails(const std::vector<int>& rails) {
  std::set<std::string> written;
  for (int index : rails) {
    const v1::Rail& rail = node_.rails(index);
    const std::string& address = rail.pci_address();
    if (!address.empty() && !written.insert(address).second) continue;
    if (!address.empty()) OpenPci(address, kNicClass, rail.pci_link());
    out_.OpenElement("nic");
    for (int other : rails)
      if (other == index ||
          (!address.empty() && node_.rails(other).pci_address() == address))
        WriteNet(other);
    out_.CloseElement();
    if (!address.empty()) out_.CloseElement();
  }
}

void Writer::WriteBranch(const Branch& branch) {
  for (const v1::Accelerator* a : branch.accelerators) WriteAccelerator(*a);
  WriteRails(branch.rails);
  for (const auto& [address, below] : branch.bridges) {
    v1::PciLink link;
    for (const v1::PciBridge& bridge : node_.pci_bridges())
      if (bridge.pci_address() == address) link = bridge.pci_link();
    OpenPci(address, kBridgeClass, link);
    WriteBranch(below);
    out_.CloseElement();
  }
}

void Writer::WriteCpu(int64_t numa, const Branch& root) {
  out_.OpenElement("cpu");
  out_.PushAttribute("numaid", absl::StrCat(numa).c_str());
  for (const v1::NumaNode& known : node_.numa_nodes()) {
    if (known.index() != numa || known.cpus().empty()) continue;
    out_.PushAttribute("affinity", MaskOfCpuList(known.cpus()).c_str());
  }
  const v1::Cpu& cpu = node_.cpu();
  if (!cpu.architecture().empty())
    out_.PushAttribute("arch", cpu.architecture().c_str());
  if (!cpu.vendor().empty()) out_.PushAttribute("vendor", cpu.vendor().c_str());
  if (cpu.has_family_id())
    out_.PushAttribute("familyid", static_cast<unsigned>(cpu.family_id()));
  if (cpu.has_model_id())
    out_.PushAttribute("modelid", static_cast<unsigned>(cpu.model_id()));
  WriteBranch(root);
  out_.CloseElement();
}

std::string Writer::Write() {
  std::vector<std::pair<int64_t, Branch>> cpus;
  const auto cpu = [&cpus](int64_t numa) -> Branch& {
    for (auto& [index, branch] : cpus)
      if (index == numa) return branch;
    return cpus.emplace_back(numa, Branch()).second;
  };
  for (const v1::NumaNode& numa : node_.numa_nodes()) cpu(numa.index());
  for (const v1::Accelerator& a : node_.accelerators())
    BranchOf(cpu(NumaOf(a)), a).accelerators.push_back(&a);
  for (int i = 0; i < node_.rails_size(); ++i)
    BranchOf(cpu(NumaOf(node_.rails(i))), node_.rails(i)).rails.push_back(i);
  if (cpus.empty()) cpu(-1);
  out_.OpenElement("system");
  out_.PushAttribute("version", 1);
  for (const auto& [numa, branch] : cpus) WriteCpu(numa, branch);
  out_.CloseElement();
  return out_.CStr();
}

absl::StatusOr<const v1::Node*> Find(const v1::Topology& topology,
                                     const std::string& name) {
  if (name.empty() && topology.nodes_size() == 1) return &topology.nodes(0);
  for (const v1::Node& node : topology.nodes())
    if (!name.empty() && node.name() == name) return &node;
  return absl::InvalidArgumentError(
      name.empty()
          ? absl::StrCat("the topology has ", topology.nodes_size(),
                         " nodes and a file of NCCL holds one; name the node")
          : absl::StrCat("the topology has no node \"", name, "\""));
}

absl::Status CheckAddresses(const v1::Node& node) {
  std::set<std::string> taken;
  const auto is_shared = [&taken](const std::string& address) {
    return absl::InvalidArgumentError(
        absl::StrCat("several accelerators have the PCI address ", address));
  };
  for (const v1::Accelerator& a : node.accelerators()) {
    if (a.pci_address().empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "accelerator ", a.local_index(), " of ", node.name(),
          " has no PCI address, which NCCL finds it by; run `ithacactl "
          "topology show` on the node itself"));
    }
    if (!taken.insert(a.pci_address()).second)
      return is_shared(a.pci_address());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> WriteNcclXml(const v1::Topology& topology,
                                         const std::string& node_name) {
  const auto node = Find(topology, node_name);
  if (!node.ok()) return node.status();
  if (absl::Status s = CheckAddresses(**node); !s.ok()) return s;
  return Writer(**node).Write();
}

}  // namespace ithaca::topology
