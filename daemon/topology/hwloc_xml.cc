#include "daemon/topology/hwloc_xml.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/topology/accelerator_table.h"
#include "daemon/topology/check.h"
#include "daemon/topology/file_error.h"
#include "daemon/topology/pci_text.h"
#include "daemon/topology/xml_text.h"

namespace ithaca::topology {
namespace {

using Element = tinyxml2::XMLElement;

constexpr uint32_t kFileSource = 0;
constexpr uint32_t kTableSource = 1;
constexpr char kNetwork[] = "2";  // osdev_type
constexpr char kRdma[] = "3";

// The value of <info name="..."> right below `object`; "" when there is none.
absl::string_view Info(const Element& object, absl::string_view name) {
  for (const Element* info = object.FirstChildElement("info"); info != nullptr;
       info = info->NextSiblingElement("info")) {
    if (Attribute(*info, "name") == name) return Attribute(*info, "value");
  }
  return "";
}

// Where in the machine the walk is.
struct Place {
  std::optional<uint32_t> numa;
  std::vector<std::string> bridges;  // nearest first
};

class Reader {
 public:
  Reader(std::string path, const std::string& node_name)
      : path_(std::move(path)) {
    node_.set_name(node_name);
  }

  absl::StatusOr<v1::Topology> Read(const Element& root);

 private:
  void Walk(const Element& object, Place place);
  void ReadMachine(const Element& object);
  void ReadPackage(const Element& object);
  void ReadNuma(const Element& object);
  void ReadPci(const Element& object, const Place& place);
  void AddAccelerator(const Element& object, const Place& place,
                      const std::string& id);
  void AddRails(const Element& object, const Place& place);
  void ReadDistances(const Element& root);
  template <typename Device>
  void SetPlace(const Element& object, const Place& place, Device& device) {
    if (place.numa) device.set_numa_node(*place.numa);
    device.set_pci_address(NormalPciAddress(Attribute(object, "pci_busid")));
    device.mutable_pci_bridges()->Assign(place.bridges.begin(),
                                         place.bridges.end());
    *device.add_origins() = OriginOf(object);
  }
  v1::Origin OriginOf(const Element& element) const {
    v1::Origin origin;
    origin.set_source(kFileSource);
    origin.set_location(LineOf(element));
    return origin;
  }

  const std::string path_;
  v1::Node node_;
  uint64_t memory_ = 0;
  std::set<std::string> rails_;
};

void Reader::ReadMachine(const Element& object) {
  if (node_.name().empty())
    node_.set_name(std::string(Info(object, "HostName")));
  if (!Info(object, "Architecture").empty())
    node_.mutable_cpu()->set_architecture(
        std::string(Info(object, "Architecture")));
}

void Reader::ReadPackage(const Element& object) {
  v1::Cpu& cpu = *node_.mutable_cpu();
  cpu.set_packages(cpu.packages() + 1);
  cpu.set_vendor(std::string(Info(object, "CPUVendor")));
  cpu.set_model(std::string(Info(object, "CPUModel")));
  const auto family = ParseWhole(Info(object, "CPUFamilyNumber"));
  const auto model = ParseWhole(Info(object, "CPUModelNumber"));
  if (family) cpu.set_family_id(static_cast<uint32_t>(*family));
  if (model) cpu.set_model_id(static_cast<uint32_t>(*model));
}

void Reader::ReadNuma(const Element& object) {
  const auto index = NumberAttribute(object, "os_index");
  if (!index || *index > UINT32_MAX) return;
  v1::NumaNode& numa = *node_.add_numa_nodes();
  numa.set_index(static_cast<uint32_t>(*index));
  numa.set_cpus(CpuListOfMask(Attribute(object, "cpuset")));
  *numa.add_origins() = OriginOf(object);
  const uint64_t bytes = NumberAttribute(object, "local_memory").value_or(0);
  if (bytes == 0 || bytes >= uint64_t{1} << 50) return;
  numa.set_memory_bytes(bytes);
  memory_ += bytes;
}

void Reader::AddAccelerator(const Element& object, const Place& place,
                            const std::string& id) {
  v1::Accelerator a;
  a.set_local_index(static_cast<uint32_t>(node_.accelerators_size()));
  SetPlace(object, place, a);
  for (const Element* device = object.FirstChildElement("object");
       device != nullptr; device = device->NextSiblingElement("object")) {
    if (!Info(*device, "GPUModel").empty())
      a.set_model(std::string(Info(*device, "GPUModel")));
    if (!Info(*device, "NVIDIAUUID").empty())
      a.set_uuid(std::string(Info(*device, "NVIDIAUUID")));
  }
  const KnownAccelerator* known = FindAcceleratorByPci(id);
  if (known == nullptr) known = FindAccelerator(a.model());
  if (known != nullptr) FillFrom(*known, kTableSource, a);
  *node_.add_accelerators() = std::move(a);
}

void Reader::AddRails(const Element& object, const Place& place) {
  std::vector<std::string> interfaces, rdma;
  for (const Element* device = object.FirstChildElement("object");
       device != nullptr; device = device->NextSiblingElement("object")) {
    const std::string name(Attribute(*device, "name"));
    if (name.empty()) continue;
    if (Attribute(*device, "osdev_type") == kNetwork)
      interfaces.push_back(name);
    if (Attribute(*device, "osdev_type") == kRdma) rdma.push_back(name);
  }
  const bool has_interface = !interfaces.empty();
  for (const std::string& name : has_interface ? interfaces : rdma) {
    if (!rails_.insert(name).second) continue;
    v1::Rail& rail = *node_.add_rails();
    rail.set_name(name);
    if (!has_interface || rdma.size() == 1)
      rail.set_rdma_device(has_interface ? rdma.front() : name);
    SetPlace(object, place, rail);
  }
}

void Reader::ReadPci(const Element& object, const Place& place) {
  // "0302 [10de:20b2] [10de:1463] a1"
  const std::vector<std::string> type =
      absl::StrSplit(Attribute(object, "pci_type"), ' ');
  const std::string& kind = type.front();
  std::string id = type.size() > 1 ? type[1] : "";
  if (id.size() > 2) id = id.substr(1, id.size() - 2);
  bool computes =
      kind == "0302" || kind == "1200" || FindAcceleratorByPci(id) != nullptr;
  for (const Element* device = object.FirstChildElement("object");
       device != nullptr; device = device->NextSiblingElement("object")) {
    const absl::string_view name = Attribute(*device, "name");
    for (const char* prefix : {"cuda", "nvml", "rsmi"})
      computes = computes || absl::StartsWith(name, prefix);
  }
  if (computes) return AddAccelerator(object, place, id);
  if (absl::StartsWith(kind, "02")) AddRails(object, place);
}

void Reader::Walk(const Element& object, Place place) {
  const absl::string_view type = Attribute(object, "type");
  if (type == "Machine") ReadMachine(object);
  if (type == "Package") ReadPackage(object);
  if (type == "NUMANode") ReadNuma(object);
  if (type == "PCIDev") ReadPci(object, place);
  if (type == "Bridge" && !Attribute(object, "pci_busid").empty()) {
    place.bridges.insert(place.bridges.begin(),
                         NormalPciAddress(Attribute(object, "pci_busid")));
  }
  const auto numa = ParseWhole(CpuListOfMask(Attribute(object, "nodeset")));
  if (!Attribute(object, "nodeset").empty()) {
    place.numa.reset();  // several, unless it is one
    if (numa) place.numa = static_cast<uint32_t>(*numa);
  }
  for (const Element* child = object.FirstChildElement("object");
       child != nullptr; child = child->NextSiblingElement("object")) {
    Walk(*child, place);
  }
}

// <distances2 type="NUMANode" name="NUMALatency"> with the NUMA nodes' numbers
// and a square of values, each in one or more elements.
void Reader::ReadDistances(const Element& root) {
  for (const Element* d = root.FirstChildElement("distances2"); d != nullptr;
       d = d->NextSiblingElement("distances2")) {
    if (Attribute(*d, "type") != "NUMANode" ||
        Attribute(*d, "name") != "NUMALatency" ||
        Attribute(*d, "indexing") != "os") {
      continue;
    }
    std::vector<uint32_t> indexes, values;
    for (const Element* part = d->FirstChildElement(); part != nullptr;
         part = part->NextSiblingElement()) {
      const absl::string_view name = part->Name();
      if (part->GetText() == nullptr) continue;
      for (absl::string_view word :
           absl::StrSplit(part->GetText(), ' ', absl::SkipWhitespace())) {
        uint32_t number = 0;
        if (!absl::SimpleAtoi(word, &number)) return;
        (name == "indexes" ? indexes : values).push_back(number);
      }
    }
    const size_t n = indexes.size();
    if (n > kMaxPerNode || values.size() != n * n) return;
    for (v1::NumaNode& numa : *node_.mutable_numa_nodes()) {
      for (size_t from = 0; from < n; ++from) {
        if (indexes[from] != numa.index()) continue;
        for (size_t to = 0; to < n; ++to) {
          v1::NumaDistance& distance = *numa.add_distances();
          distance.set_numa_node(indexes[to]);
          distance.set_relative_latency(values[from * n + to]);
        }
        break;
      }
    }
    return;
  }
}

absl::StatusOr<v1::Topology> Reader::Read(const Element& root) {
  if (!absl::StartsWith(Attribute(root, "version"), "2")) {
    return FileError(path_, root.GetLineNum(),
                     "is not of hwloc 2; write it with `lstopo --of xml` of "
                     "hwloc 2, or of hwloc 3 with --export-xml-flags v2");
  }
  for (const Element* object = root.FirstChildElement("object");
       object != nullptr; object = object->NextSiblingElement("object")) {
    Walk(*object, {});
  }
  ReadDistances(root);
  if (memory_ > 0) node_.set_host_memory_bytes(memory_);
  if (node_.name().empty()) node_.set_name("node");
  v1::Origin& origin = *node_.add_origins();
  origin.set_source(kFileSource);
  v1::Topology topology;
  topology.add_sources()->set_kind(v1::SOURCE_KIND_HWLOC_XML);
  topology.mutable_sources(kFileSource)->set_name(path_);
  topology.add_sources()->set_kind(v1::SOURCE_KIND_ACCELERATOR_TABLE);
  topology.mutable_sources(kTableSource)->set_name("accelerators.yaml");
  *topology.add_nodes() = std::move(node_);
  if (absl::Status s = CheckTopology(topology, path_); !s.ok()) return s;
  return topology;
}

}  // namespace

absl::StatusOr<v1::Topology> ReadHwlocXml(absl::string_view text,
                                          const std::string& path,
                                          const std::string& node_name) {
  const auto document = ParseXml(text, path, "topology");
  if (!document.ok()) return document.status();
  return Reader(path, node_name).Read(*(*document)->RootElement());
}

}  // namespace ithaca::topology
