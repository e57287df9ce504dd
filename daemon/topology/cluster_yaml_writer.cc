#include "daemon/topology/cluster_yaml_writer.h"

#include <yaml-cpp/yaml.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "daemon/topology/cluster_hardware.h"
#include "daemon/topology/facts.h"
#include "daemon/topology/hostlist.h"
#include "daemon/topology/quantity.h"

namespace ithaca::topology {
namespace {

using YAML::BeginMap;
using YAML::BeginSeq;
using YAML::EndMap;
using YAML::EndSeq;
using YAML::Flow;

// What all equal nodes have in common, and what is a node's own.
struct Split {
  v1::Node hardware;   // without name and pods; domains with their places
  std::string domain;  // what {domain} stands for; "" when it is not there
};

// The domain that is not named after the node, when there is exactly one.
std::string ForeignDomain(const v1::Node& node) {
  std::set<std::string> foreign;
  for (const v1::Accelerator& a : node.accelerators()) {
    const std::string& domain = a.nvlink_domain();
    if (domain.empty() || domain == node.name() ||
        absl::StartsWith(domain, absl::StrCat(node.name(), "/"))) {
      continue;
    }
    foreign.insert(domain);
  }
  return foreign.size() == 1 ? *foreign.begin() : "";
}

Split SplitOf(const v1::Node& node) {
  Split split{node, ForeignDomain(node)};
  split.hardware.clear_name();
  split.hardware.clear_pods();
  for (v1::Accelerator& a : *split.hardware.mutable_accelerators()) {
    const std::string domain = a.nvlink_domain();
    if (domain.empty()) continue;
    if (domain == split.domain) {
      a.set_nvlink_domain(kDomainPlace);
    } else if (domain == node.name() ||
               absl::StartsWith(domain, absl::StrCat(node.name(), "/"))) {
      a.set_nvlink_domain(
          absl::StrCat(kNodePlace, domain.substr(node.name().size())));
    }
  }
  return split;
}

class Writer {
 public:
  std::string Write(const v1::Topology& topology);

 private:
  void Text(const char* key, const std::string& text) {
    if (!text.empty()) out_ << YAML::Key << key << YAML::Value << text;
  }
  void Number(const char* key, bool present, uint64_t number) {
    if (present) out_ << YAML::Key << key << YAML::Value << number;
  }
  void Switch(const char* key, bool present, bool on) {
    if (present)
      out_ << YAML::Key << key << YAML::Value << (on ? "true" : "false");
  }
  void Amount(const char* key, bool present, uint64_t amount, Unit unit) {
    if (present) Text(key, QuantityText(amount, unit));
  }
  void Pcie(bool present, const v1::PciLink& link);
  template <typename Device>
  void PciDevice(const Device& device);
  void Levels(const v1::Topology& topology);
  void Hardware(const v1::Node& node);
  void CpuAndMemory(const v1::Node& node);
  void Accelerators(const v1::Node& node);
  void Accelerator(const v1::Accelerator& a, int count);
  void Rails(const v1::Node& node);
  void Rail(const v1::Rail& rail, const std::vector<std::string>& names);
  void Entry(const std::vector<std::string>& names, const std::string& type,
             const v1::Node& first, const std::string& domain);

  YAML::Emitter out_;
};

void Writer::Pcie(bool present, const v1::PciLink& link) {
  if (!present) return;
  out_ << YAML::Key << "pcie" << YAML::Value << Flow << BeginMap;
  Number("megatransfers", link.has_megatransfers_per_second(),
         link.megatransfers_per_second());
  Number("lanes", link.has_lanes(), link.lanes());
  out_ << EndMap;
}

template <typename Device>
void Writer::PciDevice(const Device& device) {
  Number("numa_node", device.has_numa_node(), device.numa_node());
  Text("pci_address", device.pci_address());
  if (device.pci_bridges_size() > 0) {
    out_ << YAML::Key << "pci_bridges" << YAML::Value << Flow << BeginSeq;
    for (const std::string& bridge : device.pci_bridges()) out_ << bridge;
    out_ << EndSeq;
  }
  Pcie(device.has_pci_link(), device.pci_link());
  Switch("gpu_direct", device.has_gpu_direct(), device.gpu_direct());
}

void Writer::Levels(const v1::Topology& topology) {
  if (topology.levels_size() == 0) return;
  out_ << YAML::Key << "levels" << YAML::Value << BeginSeq;
  for (const v1::Level& level : topology.levels()) {
    out_ << Flow << BeginMap;
    Text("name", level.name());
    if (level.has_oversubscription())
      Text("oversubscription",
           absl::StrFormat("%.17g", level.oversubscription()));
    Amount("uplink", level.has_uplink_mbps(), level.uplink_mbps(),
           Unit::kMegabits);
    out_ << EndMap;
  }
  out_ << EndSeq;
}

void Writer::CpuAndMemory(const v1::Node& node) {
  Number("slots", node.slots() != 0, node.slots());
  Amount("host_memory", node.has_host_memory_bytes(), node.host_memory_bytes(),
         Unit::kBytes);
  if (node.has_cpu()) {
    const v1::Cpu& cpu = node.cpu();
    out_ << YAML::Key << "cpu" << YAML::Value << Flow << BeginMap;
    Text("architecture", cpu.architecture());
    Text("vendor", cpu.vendor());
    Text("model", cpu.model());
    Number("family_id", cpu.has_family_id(), cpu.family_id());
    Number("model_id", cpu.has_model_id(), cpu.model_id());
    Number("packages", cpu.has_packages(), cpu.packages());
    out_ << EndMap;
  }
  if (node.numa_nodes_size() == 0) return;
  out_ << YAML::Key << "numa_nodes" << YAML::Value << BeginSeq;
  for (const v1::NumaNode& numa : node.numa_nodes()) {
    out_ << Flow << BeginMap;
    Number("index", true, numa.index());
    Amount("memory", numa.has_memory_bytes(), numa.memory_bytes(),
           Unit::kBytes);
    Text("cpus", numa.cpus());
    if (numa.distances_size() > 0) {
      out_ << YAML::Key << "distances" << YAML::Value << Flow << BeginMap;
      for (const v1::NumaDistance& distance : numa.distances())
        out_ << YAML::Key << distance.numa_node() << YAML::Value
             << distance.relative_latency();
      out_ << EndMap;
    }
    out_ << EndMap;
  }
  out_ << EndSeq;
}

void Writer::Accelerator(const v1::Accelerator& a, int count) {
  out_ << BeginMap;
  Number("count", count > 1, static_cast<uint64_t>(count));
  Number("index", true, a.local_index());
  Text("model", a.model());
  Amount("memory", a.has_memory_bytes(), a.memory_bytes(), Unit::kBytes);
  Amount("memory_rate", a.has_memory_bytes_per_second(),
         a.memory_bytes_per_second(), Unit::kBytesPerSecond);
  Amount("peak", a.has_peak_flops(), a.peak_flops(), Unit::kFlops);
  if (a.has_nvlink_domain())
    Text("nvlink", a.nvlink_domain().empty() ? kNoNvlink : a.nvlink_domain());
  Amount("nvlink_rate", a.has_nvlink_bytes_per_second(),
         a.nvlink_bytes_per_second(), Unit::kBytesPerSecond);
  Amount("host_link", a.has_host_link_bytes_per_second(),
         a.host_link_bytes_per_second(), Unit::kBytesPerSecond);
  Number("capability", a.has_compute_capability(), a.compute_capability());
  PciDevice(a);
  Text("uuid", a.uuid());
  if (a.nvlinks_size() > 0) {
    out_ << YAML::Key << "nvlinks" << YAML::Value << BeginSeq;
    for (const v1::NvLink& link : a.nvlinks()) {
      out_ << Flow << BeginMap;
      Text("target", link.target());
      Number("links", link.links() != 0, link.links());
      Text("class", link.target_class());
      out_ << EndMap;
    }
    out_ << EndSeq;
  }
  out_ << EndMap;
}

void Writer::Accelerators(const v1::Node& node) {
  if (node.accelerators_size() == 0) return;
  out_ << YAML::Key << "accelerators" << YAML::Value << BeginSeq;
  for (int i = 0; i < node.accelerators_size();) {
    const v1::Accelerator& first = node.accelerators(i);
    const std::string bytes = first.SerializeAsString();
    int end = i + 1;
    // One that has an address is like no other.
    const bool repeats = first.pci_address().empty() && first.uuid().empty();
    for (; repeats && end < node.accelerators_size(); ++end) {
      v1::Accelerator same = node.accelerators(end);
      if (same.local_index() !=
          first.local_index() + static_cast<uint32_t>(end - i))
        break;
      same.set_local_index(first.local_index());
      if (same.SerializeAsString() != bytes) break;
    }
    Accelerator(first, end - i);
    i = end;
  }
  out_ << EndSeq;
}

void Writer::Rail(const v1::Rail& rail, const std::vector<std::string>& names) {
  out_ << Flow << BeginMap;
  Text("names", CompressHostlist(names));
  Amount("speed", rail.has_speed_mbps(), rail.speed_mbps(), Unit::kMegabits);
  if (rail.state() != v1::LINK_STATE_UNSPECIFIED)
    Text("state", rail.state() == v1::LINK_STATE_UP ? "up" : "down");
  Number("port", rail.has_port(), rail.port());
  Text("guid", rail.guid());
  Text("rdma_device", rail.rdma_device());
  PciDevice(rail);
  out_ << EndMap;
}

void Writer::Rails(const v1::Node& node) {
  if (node.rails_size() == 0) return;
  out_ << YAML::Key << "rails" << YAML::Value << BeginSeq;
  for (int i = 0; i < node.rails_size();) {
    std::vector<std::string> names;
    v1::Rail first = node.rails(i);
    first.clear_name();
    const std::string bytes = first.SerializeAsString();
    for (; i < node.rails_size(); ++i) {
      v1::Rail same = node.rails(i);
      same.clear_name();
      if (same.SerializeAsString() != bytes) break;
      names.push_back(node.rails(i).name());
    }
    Rail(first, names);
  }
  out_ << EndSeq;
}

void Writer::Hardware(const v1::Node& node) {
  out_ << BeginMap;
  CpuAndMemory(node);
  Accelerators(node);
  Rails(node);
  if (node.pci_bridges_size() > 0) {
    out_ << YAML::Key << "bridges" << YAML::Value << BeginSeq;
    for (const v1::PciBridge& bridge : node.pci_bridges()) {
      out_ << Flow << BeginMap;
      Text("pci_address", bridge.pci_address());
      Pcie(bridge.has_pci_link(), bridge.pci_link());
      out_ << EndMap;
    }
    out_ << EndSeq;
  }
  out_ << EndMap;
}

void Writer::Entry(const std::vector<std::string>& names,
                   const std::string& type, const v1::Node& first,
                   const std::string& domain) {
  out_ << Flow << BeginMap;
  Text("names", CompressHostlist(names));
  Text("type", type);
  if (first.pods_size() > 0) {
    out_ << YAML::Key << "pods" << YAML::Value << Flow << BeginSeq;
    for (const std::string& pod : first.pods()) {
      if (pod.empty()) {
        out_ << YAML::Null;
      } else {
        out_ << pod;
      }
    }
    out_ << EndSeq;
  }
  Text("nvlink_domain", domain);
  out_ << EndMap;
}

std::string Writer::Write(const v1::Topology& topology) {
  std::vector<Split> splits;
  std::vector<std::string> types;                 // of each node
  std::map<std::string, std::string> by_content;  // name of a type
  std::vector<std::pair<std::string, const v1::Node*>> in_order;
  splits.reserve(static_cast<size_t>(topology.nodes_size()));
  for (const v1::Node& node : topology.nodes()) {
    splits.push_back(SplitOf(node));
    const auto [found, is_new] =
        by_content.emplace(splits.back().hardware.SerializeAsString(),
                           absl::StrCat("type", by_content.size()));
    if (is_new) in_order.emplace_back(found->second, &splits.back().hardware);
    types.push_back(found->second);
  }
  out_ << BeginMap << YAML::Key << "ithaca_topology" << YAML::Value << 1;
  Levels(topology);
  out_ << YAML::Key << "node_types" << YAML::Value << BeginMap;
  for (const auto& [name, hardware] : in_order) {
    out_ << YAML::Key << name << YAML::Value;
    Hardware(*hardware);
  }
  out_ << EndMap << YAML::Key << "nodes" << YAML::Value << BeginSeq;
  for (int i = 0; i < topology.nodes_size();) {
    const v1::Node& first = topology.nodes(i);
    const auto at = static_cast<size_t>(i);
    std::vector<std::string> names;
    for (; i < topology.nodes_size(); ++i) {
      const v1::Node& node = topology.nodes(i);
      const auto here = static_cast<size_t>(i);
      const bool same_pods =
          absl::StrJoin(node.pods(), "\n") == absl::StrJoin(first.pods(), "\n");
      if (types[here] != types[at] || !same_pods ||
          node.pods_size() != first.pods_size() ||
          splits[here].domain != splits[at].domain) {
        break;
      }
      names.push_back(node.name());
    }
    Entry(names, types[at], first, splits[at].domain);
  }
  out_ << EndSeq << EndMap;
  return absl::StrCat(out_.c_str(), "\n");
}

std::string Comments(const v1::Topology& topology) {
  std::string text;
  for (const v1::Source& source : topology.sources()) {
    std::string name = v1::SourceKind_Name(source.kind());
    if (source.kind() == v1::SOURCE_KIND_UNSPECIFIED) name = "unknown";
    std::string from = source.name();
    for (char& c : from)
      if (c < ' ' || c >= 127) c = '?';
    absl::StrAppend(&text, "# from ", name, from.empty() ? "" : " ", from,
                    "\n");
  }
  return text;
}

}  // namespace

std::string WriteClusterYaml(const v1::Topology& topology) {
  return Comments(topology) + Writer().Write(FactsOf(topology));
}

}  // namespace ithaca::topology
