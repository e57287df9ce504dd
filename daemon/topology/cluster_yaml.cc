#include "daemon/topology/cluster_yaml.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/topology/check.h"
#include "daemon/topology/cluster_hardware.h"
#include "daemon/topology/hostlist.h"
#include "daemon/topology/slots.h"
#include "daemon/topology/yaml_quantity.h"

namespace ithaca::topology {
namespace {

// Which name each node of an entry gets.
struct Share {
  std::vector<std::string> names;
  uint64_t each = 0;  // 0: one name for all

  const std::string& Of(size_t node) const {
    return names[each == 0 ? 0 : node / each];
  }
};

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<v1::Topology> Read(const YAML::Node& root);

 private:
  void ReadLevels(YamlMap& file);
  void ReadTypes(YamlMap& file);
  void ReadNodes(YamlMap& file);
  void ReadNodeEntry(YamlMap& entry);
  // The node that an entry describes, without name, pods and domains.
  v1::Node Prototype(YamlMap& entry);
  Share ReadShare(YamlMap& entry, const char* key, const YAML::Node& value,
                  size_t nodes);
  void AddNodes(YamlMap& entry, const v1::Node& prototype,
                const std::vector<std::string>& names);

  const std::string path_;
  v1::Topology topology_;
  std::map<std::string, v1::Node> types_;
  size_t bytes_ = 0;  // of the nodes so far, serialized
};

void Reader::ReadLevels(YamlMap& file) {
  for (const YAML::Node& item : file.List("levels")) {
    YamlMap entry(item, path_, "levels",
                  {"name", "oversubscription", "uplink"});
    v1::Level& level = *topology_.add_levels();
    level.set_name(entry.Text("name").value_or(""));
    if (level.name().empty()) entry.Fail("name", "missing");
    if (const auto text = entry.Text("oversubscription")) {
      double over = 0;
      if (!absl::SimpleAtod(*text, &over))
        entry.Fail("oversubscription", "must be a number, 1 for none");
      level.set_oversubscription(over);
    }
    if (const auto uplink = Quantity(entry, "uplink", Unit::kMegabits))
      level.set_uplink_mbps(*uplink);
    *level.add_origins() = OriginOf(entry);
    file.Take(entry.status());
  }
}

void Reader::ReadTypes(YamlMap& file) {
  if (!file.Has("node_types")) return;
  if (!file.Get("node_types").IsMap())
    return file.Fail("node_types", "must map names to node types");
  for (const auto& item : file.Get("node_types")) {
    const std::string& name = item.first.Scalar();
    YamlMap entry(item.second, path_,
                  absl::StrCat("node_types.", name.substr(0, 80)),
                  {ITHACA_HARDWARE_KEYS});
    ReadHardware(entry, types_[name]);
    file.Take(entry.status());
    if (!file.status().ok()) return;
  }
}

v1::Node Reader::Prototype(YamlMap& entry) {
  v1::Node node;
  if (const auto type = entry.Text("type")) {
    const auto found = types_.find(*type);
    if (found == types_.end()) {
      entry.Fail("type", absl::StrCat("\"", type->substr(0, 80),
                                      "\" is not in node_types"));
      return node;
    }
    node = found->second;
    for (const char* key : {ITHACA_HARDWARE_KEYS}) {
      if (entry.Has(key))
        entry.Fail(key, "stands in the node type already; make another type");
    }
  } else {
    ReadHardware(entry, node);
  }
  *node.add_origins() = OriginOf(entry);
  return node;
}

Share Reader::ReadShare(YamlMap& entry, const char* key,
                        const YAML::Node& value, size_t nodes) {
  Share share;
  if (value.IsNull()) {
    share.names = {""};
    return share;
  }
  if (value.IsScalar()) {
    share.names = {value.Scalar()};
    return share;
  }
  YamlMap map(value, path_, entry.NameOf(key), {"names", "each"});
  auto names = ExpandHostlist(map.Text("names").value_or(""), kMaxNodes);
  map.Fail("names", names.status());
  const auto each = map.Number("each", 1, kMaxNodes);
  if (!each) map.Fail("each", "missing: how many nodes take each name");
  if (names.ok() && each && (nodes + *each - 1) / *each != names->size()) {
    map.Fail("names", absl::StrCat("makes ", names->size(), " names; ", nodes,
                                   " nodes, ", *each, " each, take ",
                                   (nodes + *each - 1) / *each));
  }
  entry.Take(map.status());
  if (!map.status().ok()) return share;
  share.names = *std::move(names);
  share.each = *each;
  return share;
}

void Reader::AddNodes(YamlMap& entry, const v1::Node& prototype,
                      const std::vector<std::string>& names) {
  std::vector<Share> pods;
  for (const YAML::Node& value : entry.List("pods")) {
    pods.push_back(ReadShare(entry, "pods", value, names.size()));
  }
  Share domains;
  if (entry.Has("nvlink_domain")) {
    domains = ReadShare(entry, "nvlink_domain", entry.Get("nvlink_domain"),
                        names.size());
  }
  if (!entry.status().ok()) return;
  for (size_t i = 0; i < names.size(); ++i) {
    v1::Node& node = *topology_.add_nodes();
    node = prototype;
    node.set_name(names[i]);
    for (const Share& share : pods) node.add_pods(share.Of(i));
    for (v1::Accelerator& a : *node.mutable_accelerators()) {
      if (!a.has_nvlink_domain() || a.nvlink_domain().empty()) continue;
      const bool shared =
          a.nvlink_domain().find(kDomainPlace) != std::string::npos;
      if (shared && domains.names.empty()) {
        a.clear_nvlink_domain();  // not said: unknown
        continue;
      }
      a.set_nvlink_domain(absl::StrReplaceAll(
          a.nvlink_domain(), {{kNodePlace, names[i]},
                              {kDomainPlace, shared ? domains.Of(i) : ""}}));
    }
  }
}

void Reader::ReadNodeEntry(YamlMap& entry) {
  const auto list = entry.Text("names");
  if (!list) return entry.Fail("names", "missing: names of the nodes");
  const auto names = ExpandHostlist(
      *list, static_cast<size_t>(kMaxNodes - topology_.nodes_size()));
  entry.Fail("names", names.status());
  const v1::Node prototype = Prototype(entry);
  if (!entry.status().ok()) return;
  // Names of NVLink domains may grow with those of nodes.
  const size_t grown = prototype.ByteSizeLong() + kMaxNodeNameBytes +
                       static_cast<size_t>(prototype.accelerators_size()) * 64;
  if (names->size() > (kMaxTopologyBytes - bytes_) / grown)
    return entry.Fail("names", "makes too large a topology; split the cluster");
  bytes_ += names->size() * grown;
  AddNodes(entry, prototype, *names);
}

void Reader::ReadNodes(YamlMap& file) {
  if (!file.Has("nodes")) return file.Fail("nodes", "missing");
  int i = 0;
  for (const YAML::Node& item : file.List("nodes")) {
    YamlMap entry(
        item, path_, absl::StrCat("nodes[", i++, "]"),
        {"names", "type", "pods", "nvlink_domain", ITHACA_HARDWARE_KEYS});
    ReadNodeEntry(entry);
    file.Take(entry.status());
    if (!file.status().ok()) return;
  }
}

absl::StatusOr<v1::Topology> Reader::Read(const YAML::Node& root) {
  YamlMap file(root, path_, "",
               {"ithaca_topology", "levels", "node_types", "nodes"});
  if (!file.Number("ithaca_topology", 1, 1))
    file.Fail("ithaca_topology", "missing; the file must say version 1");
  v1::Source& source = *topology_.add_sources();
  source.set_kind(v1::SOURCE_KIND_CLUSTER_YAML);
  source.set_name(path_);
  topology_.add_sources()->set_kind(v1::SOURCE_KIND_ACCELERATOR_TABLE);
  topology_.mutable_sources(kTableSource)->set_name("accelerators.yaml");
  ReadLevels(file);
  ReadTypes(file);
  ReadNodes(file);
  if (!file.status().ok()) return file.status();
  if (absl::Status s = CheckTopology(topology_, path_); !s.ok()) return s;
  return std::move(topology_);
}

}  // namespace

absl::StatusOr<v1::Topology> ReadClusterYaml(absl::string_view text,
                                             const std::string& path) {
  const absl::StatusOr<YAML::Node> root = ParseYaml(text, path);
  if (!root.ok()) return root.status();
  return Reader(path).Read(*root);
}

}  // namespace ithaca::topology
