#include "daemon/topology/slurm_yaml.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/topology/check.h"
#include "daemon/topology/hostlist.h"
#include "daemon/topology/slots.h"
#include "daemon/topology/switches.h"
#include "daemon/topology/yaml_text.h"

namespace ithaca::topology {
namespace {

constexpr size_t kMaxSwitches = 1 << 17;

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<v1::Topology> Read(const YAML::Node& root,
                                    const std::string& name);

 private:
  absl::StatusOr<YAML::Node> Choose(const YAML::Node& root,
                                    const std::string& name) const;
  absl::Status ReadTree(YamlMap& entry, v1::Topology& topology);
  absl::Status ReadBlocks(YamlMap& entry, v1::Topology& topology);
  std::vector<std::string> Names(YamlMap& entry, const char* key);

  const std::string path_;
  size_t named_ = 0;  // names expanded so far
};

// The topology that is asked for, among those of the file.
absl::StatusOr<YAML::Node> Reader::Choose(const YAML::Node& root,
                                          const std::string& name) const {
  if (!root.IsSequence() || root.size() == 0)
    return FileError(path_, 1, "the file must be a list of topologies");
  for (const YAML::Node& item : root) {
    if (!item.IsMap())
      return FileError(path_, item.Mark().line + 1,
                       "a topology must be a mapping of keys to values");
    const YAML::Node& entry = item;
    const YAML::Node key = entry[name.empty() ? "cluster_default" : "topology"];
    if (!key.IsDefined() || !key.IsScalar()) continue;
    if (name.empty() ? absl::AsciiStrToLower(key.Scalar()) == "true"
                     : key.Scalar() == name) {
      return item;
    }
  }
  if (name.empty()) return YAML::Node(root[0]);
  return FileError(path_, 0,
                   absl::StrCat("has no topology called \"", name, "\""));
}

std::vector<std::string> Reader::Names(YamlMap& entry, const char* key) {
  const auto list = entry.Text(key);
  if (!list) return {};
  auto names = ExpandHostlist(*list, kMaxSwitches - named_);
  if (!names.ok()) {
    entry.Fail(key, names.status());
    return {};
  }
  named_ += names->size();
  return *std::move(names);
}

absl::Status Reader::ReadTree(YamlMap& entry, v1::Topology& topology) {
  YamlMap tree(entry.Get("tree"), path_, "tree", {"switches"});
  std::vector<Switch> switches;
  for (const YAML::Node& item : tree.List("switches")) {
    YamlMap map(item, path_, "tree.switches", {"switch", "children", "nodes"});
    Switch made{map.Text("switch").value_or(""), Names(map, "children"),
                Names(map, "nodes"), map.line()};
    if (made.name.empty() || made.name.size() > kMaxNodeNameBytes)
      map.Fail("switch", "must be a name");
    if (!made.switches.empty() && !made.nodes.empty())
      map.Fail("nodes", "a switch has either children or nodes");
    tree.Take(map.status());
    switches.push_back(std::move(made));
  }
  if (!tree.status().ok()) return tree.status();
  return AddTree(switches, path_, topology);
}

absl::Status Reader::ReadBlocks(YamlMap& entry, v1::Topology& topology) {
  YamlMap map(entry.Get("block"), path_, "block", {"block_sizes", "blocks"});
  std::vector<uint64_t> sizes;
  for (const std::string& text : map.Texts("block_sizes")) {
    uint64_t size = 0;
    if (!absl::SimpleAtoi(text, &size) || size == 0 || size > kMaxNodes)
      map.Fail("block_sizes", "must be numbers of nodes");
    sizes.push_back(size);
  }
  std::vector<Block> blocks;
  for (const YAML::Node& item : map.List("blocks")) {
    YamlMap block(item, path_, "block.blocks", {"block", "nodes"});
    Block made{block.Text("block").value_or(""), Names(block, "nodes"),
               block.line()};
    if (made.name.empty() || made.name.size() > kMaxNodeNameBytes)
      block.Fail("block", "must be a name");
    map.Take(block.status());
    blocks.push_back(std::move(made));
  }
  if (!map.status().ok()) return map.status();
  return AddBlocks(blocks, sizes, map.line(), path_, topology);
}

absl::StatusOr<v1::Topology> Reader::Read(const YAML::Node& root,
                                          const std::string& name) {
  const auto chosen = Choose(root, name);
  if (!chosen.ok()) return chosen.status();
  YamlMap entry(*chosen, path_, "",
                {"topology", "cluster_default", "tree", "block", "flat"});
  v1::Topology topology;
  topology.add_sources()->set_kind(v1::SOURCE_KIND_SLURM_YAML);
  topology.mutable_sources(0)->set_name(path_);
  topology.add_origins()->set_source(0);
  if (entry.Has("tree") && entry.Has("block"))
    entry.Fail("block", "a topology is either tree or block");
  if (entry.Has("tree")) {
    entry.Take(ReadTree(entry, topology));
  } else if (entry.Has("block")) {
    entry.Take(ReadBlocks(entry, topology));
  } else {
    entry.Take(FileError(path_, entry.line(),
                         "this topology says nothing of where nodes are; name "
                         "one with tree or block"));
  }
  if (!entry.status().ok()) return entry.status();
  if (absl::Status s = CheckTopology(topology, path_); !s.ok()) return s;
  return topology;
}

}  // namespace

absl::StatusOr<v1::Topology> ReadSlurmYaml(absl::string_view text,
                                           const std::string& path,
                                           const std::string& name) {
  const absl::StatusOr<YAML::Node> root = ParseYaml(text, path);
  if (!root.ok()) return root.status();
  return Reader(path).Read(*root, name);
}

}  // namespace ithaca::topology
