#include "daemon/topology/topology_table.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "daemon/topology/facts.h"
#include "daemon/topology/hostlist.h"
#include "daemon/topology/quantity.h"

namespace ithaca::topology {
namespace {

constexpr char kUnknown[] = "unknown";
constexpr size_t kMaxNames = 60;  // characters of a list of names

std::string AmountText(bool present, uint64_t amount, Unit unit) {
  return present && amount > 0 ? RoundedText(amount, unit) : kUnknown;
}

std::string Shortened(const std::string& text) {
  return text.size() <= kMaxNames ? text
                                  : text.substr(0, kMaxNames - 3) + "...";
}

std::string LinkText(bool present, const v1::PciLink& link) {
  if (!present || !link.has_megatransfers_per_second()) return "PCIe unknown";
  return absl::StrFormat("PCIe %gGT/s x%s",
                         link.megatransfers_per_second() / 1000.0,
                         link.has_lanes() ? absl::StrCat(link.lanes()) : "?");
}

template <typename Device>
std::string NumaText(const Device& device) {
  return device.has_numa_node() ? absl::StrCat("NUMA ", device.numa_node())
                                : "NUMA unknown";
}

// A domain by what it is to its node.
std::string DomainText(const v1::Accelerator& a, const std::string& node) {
  if (!a.has_nvlink_domain()) return "NVLink unknown";
  if (a.nvlink_domain().empty()) return "no NVLink";
  std::string domain = a.nvlink_domain();
  if (domain == node) {
    domain = "within the node";
  } else if (absl::StartsWith(domain, node + "/")) {
    domain = absl::StrCat("in domain ", domain.substr(node.size() + 1));
  } else {
    domain = "beyond the node";
  }
  return absl::StrCat(
      "NVLink ",
      AmountText(a.has_nvlink_bytes_per_second(), a.nvlink_bytes_per_second(),
                 Unit::kBytesPerSecond),
      " ", domain);
}

std::string AcceleratorText(const v1::Accelerator& a, const std::string& node) {
  return absl::StrCat(
      a.model().empty() ? "accelerator of unknown model" : a.model(), ", ",
      AmountText(a.has_memory_bytes(), a.memory_bytes(), Unit::kBytes), " at ",
      AmountText(a.has_memory_bytes_per_second(), a.memory_bytes_per_second(),
                 Unit::kBytesPerSecond),
      ", ", AmountText(a.has_peak_flops(), a.peak_flops(), Unit::kFlops),
      "\n      ", DomainText(a, node), ", ",
      LinkText(a.has_pci_link(), a.pci_link()), ", ", NumaText(a));
}

std::string RailText(const v1::Rail& rail) {
  std::string text =
      AmountText(rail.has_speed_mbps(), rail.speed_mbps(), Unit::kMegabits);
  if (rail.state() == v1::LINK_STATE_DOWN) absl::StrAppend(&text, ", down");
  if (!rail.pci_address().empty())
    absl::StrAppend(&text, ", ",
                    LinkText(rail.has_pci_link(), rail.pci_link()));
  return absl::StrCat(text, ", ", NumaText(rail));
}

std::string CpuText(const v1::Node& node) {
  const v1::Cpu& cpu = node.cpu();
  std::string text = !cpu.model().empty() ? cpu.model()
                     : cpu.vendor().empty()
                         ? "processors unknown"
                         : absl::StrCat(cpu.vendor(), " ", cpu.architecture());
  if (cpu.has_packages()) absl::StrAppend(&text, " x", cpu.packages());
  if (node.numa_nodes_size() > 0)
    absl::StrAppend(&text, ", ", node.numa_nodes_size(), " NUMA node",
                    node.numa_nodes_size() == 1 ? "" : "s");
  return absl::StrCat(text, ", main memory ",
                      AmountText(node.has_host_memory_bytes(),
                                 node.host_memory_bytes(), Unit::kBytes));
}

// Neighbouring texts that are equal, as "first", how many.
void AppendGrouped(
    const std::vector<std::pair<std::string, std::string>>& items,
    std::string& out) {
  for (size_t i = 0; i < items.size();) {
    std::vector<std::string> names;
    const std::string& text = items[i].second;
    for (; i < items.size() && items[i].second == text; ++i)
      names.push_back(items[i].first);
    absl::StrAppend(&out, "    ", Shortened(CompressHostlist(names)), "  ",
                    text, "\n");
  }
}

// All that is said of a node but its name and pods.
std::string NodeText(const v1::Node& node) {
  std::string out = absl::StrCat("    ", CpuText(node), "\n");
  if (node.accelerators_size() == 0)
    absl::StrAppend(&out, "    no accelerators known, ", node.slots(),
                    " ranks\n");
  std::vector<std::pair<std::string, std::string>> items;
  for (const v1::Accelerator& a : node.accelerators())
    items.emplace_back(absl::StrCat("gpu", a.local_index()),
                       AcceleratorText(a, node.name()));
  AppendGrouped(items, out);
  items.clear();
  for (const v1::Rail& rail : node.rails())
    items.emplace_back(rail.name(), RailText(rail));
  AppendGrouped(items, out);
  if (node.rails_size() == 0) absl::StrAppend(&out, "    rails unknown\n");
  return out;
}

std::string LevelLine(const v1::Topology& topology, int level) {
  std::set<std::string> pods;
  for (const v1::Node& node : topology.nodes())
    if (node.pods_size() > level && !node.pods(level).empty())
      pods.insert(node.pods(level));
  const v1::Level& facts = topology.levels(level);
  return absl::StrCat(
      "  ", facts.name(), "  ", pods.size(),
      pods.size() == 1 ? " pod" : " pods", ", oversubscription ",
      facts.has_oversubscription()
          ? absl::StrFormat("%.3g", facts.oversubscription())
          : kUnknown,
      ", uplink ",
      AmountText(facts.has_uplink_mbps(), facts.uplink_mbps(), Unit::kMegabits),
      "\n");
}

std::string SourceLines(const v1::Topology& topology) {
  std::string out;
  for (const v1::Source& source : topology.sources()) {
    std::string kind = v1::SourceKind_Name(source.kind());
    if (absl::StartsWith(kind, "SOURCE_KIND_")) kind = kind.substr(12);
    for (char& c : kind)
      c = c == '_' ? ' ' : absl::ascii_tolower(static_cast<unsigned char>(c));
    std::string name = source.name();
    for (char& c : name)
      if (c < ' ' || c >= 127) c = '?';
    absl::StrAppend(&out, "  ", kind, name.empty() ? "" : ": ", name, "\n");
  }
  return out;
}

}  // namespace

std::string TopologyTable(const v1::Topology& with_origins) {
  const v1::Topology topology = FactsOf(with_origins);
  size_t accelerators = 0;
  for (const v1::Node& node : topology.nodes())
    accelerators += static_cast<size_t>(node.accelerators_size());
  std::string out = absl::StrCat(
      topology.nodes_size(),
      topology.nodes_size() == 1 ? " node, " : " nodes, ", accelerators,
      accelerators == 1 ? " accelerator\n" : " accelerators\n");
  absl::StrAppend(&out, "\nNETWORK\n");
  for (int i = 0; i < topology.levels_size(); ++i)
    absl::StrAppend(&out, LevelLine(topology, i));
  if (topology.levels_size() == 0)
    absl::StrAppend(&out, "  between nodes: unknown\n");
  absl::StrAppend(&out, "\nNODES\n");
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> names;
  for (const v1::Node& node : topology.nodes()) {
    std::string text = NodeText(node);
    auto& equal = names[text];
    if (equal.empty()) order.push_back(std::move(text));
    equal.push_back(node.name());
  }
  for (const std::string& text : order) {
    const std::vector<std::string>& equal = names[text];
    absl::StrAppend(&out, "  ", Shortened(CompressHostlist(equal)), "  ",
                    equal.size(), equal.size() == 1 ? " node\n" : " nodes\n",
                    text);
  }
  if (with_origins.sources_size() > 0)
    absl::StrAppend(&out, "\nFROM\n", SourceLines(with_origins));
  return out;
}

}  // namespace ithaca::topology
