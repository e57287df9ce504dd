#include "daemon/topology/switches.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/topology/check.h"
#include "daemon/topology/file_error.h"
#include "daemon/topology/slots.h"

namespace ithaca::topology {
namespace {

constexpr size_t kNone = static_cast<size_t>(-1);

std::string LevelName(size_t level) {
  constexpr const char* kNames[] = {"leaf", "spine", "core"};
  return level < std::size(kNames) ? kNames[level]
                                   : absl::StrCat("tier", level);
}

v1::Origin AtLine(int line) {
  v1::Origin origin;
  origin.set_source(0);
  origin.set_location(absl::StrCat("line ", line));
  return origin;
}

class Tree {
 public:
  Tree(const std::vector<Switch>& switches, const std::string& path)
      : switches_(switches), path_(path), parent_(switches.size(), kNone) {}

  absl::Status Add(v1::Topology& topology);

 private:
  absl::Status Index();
  absl::Status Link();
  // Switches above node's leaf, itself included; an error at a loop.
  absl::StatusOr<std::vector<size_t>> Chain(size_t leaf) const;
  absl::Status Error(const Switch& at, absl::string_view problem) const {
    return FileError(path_, at.line, problem);
  }

  const std::vector<Switch>& switches_;
  const std::string& path_;
  std::unordered_map<std::string, size_t> by_name_;
  std::vector<size_t> parent_;
};

absl::Status Tree::Index() {
  for (size_t i = 0; i < switches_.size(); ++i) {
    if (!by_name_.emplace(switches_[i].name, i).second)
      return Error(switches_[i], absl::StrCat("switch \"", switches_[i].name,
                                              "\" is described twice"));
  }
  return absl::OkStatus();
}

absl::Status Tree::Link() {
  for (size_t i = 0; i < switches_.size(); ++i) {
    for (const std::string& name : switches_[i].switches) {
      const auto below = by_name_.find(name);
      if (below == by_name_.end()) {
        return Error(switches_[i],
                     absl::StrCat("names switch \"", name,
                                  "\", which is not described; add a line for "
                                  "it or take it out"));
      }
      if (parent_[below->second] == kNone) parent_[below->second] = i;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<size_t>> Tree::Chain(size_t leaf) const {
  std::vector<size_t> chain;
  for (size_t at = leaf; at != kNone; at = parent_[at]) {
    if (chain.size() == kMaxLevels) {
      return Error(switches_[leaf],
                   absl::StrCat("switch \"", switches_[leaf].name,
                                "\" has more than ", kMaxLevels - 1,
                                " switches above it, or stands in a loop"));
    }
    chain.push_back(at);
  }
  return chain;
}

absl::Status Tree::Add(v1::Topology& topology) {
  if (absl::Status s = Index(); !s.ok()) return s;
  if (absl::Status s = Link(); !s.ok()) return s;
  std::unordered_set<std::string> seen;
  size_t levels = 0;
  for (size_t leaf = 0; leaf < switches_.size(); ++leaf) {
    const auto chain = Chain(leaf);
    if (!chain.ok()) return chain.status();
    const Switch& here = switches_[leaf];
    if (here.nodes.empty()) continue;
    levels = std::max(levels, chain->size());
    for (const std::string& name : here.nodes) {
      if (!seen.insert(name).second)
        return Error(here, absl::StrCat("node \"", name,
                                        "\" hangs on two leaf switches; keep "
                                        "one"));
      if (topology.nodes_size() == kMaxNodes)
        return Error(here, absl::StrCat("more than ", kMaxNodes, " nodes"));
      v1::Node& node = *topology.add_nodes();
      node.set_name(name);
      for (size_t at : *chain) node.add_pods(switches_[at].name);
      *node.add_origins() = AtLine(here.line);
    }
  }
  if (topology.nodes_size() == 0)
    return FileError(path_, 0, "describes no node");
  for (size_t level = 0; level < levels; ++level)
    topology.add_levels()->set_name(LevelName(level));
  return absl::OkStatus();
}

}  // namespace

absl::Status AddTree(const std::vector<Switch>& switches,
                     const std::string& path, v1::Topology& topology) {
  return Tree(switches, path).Add(topology);
}

absl::Status AddBlocks(const std::vector<Block>& blocks,
                       const std::vector<uint64_t>& sizes, int sizes_line,
                       const std::string& path, v1::Topology& topology) {
  topology.add_levels()->set_name("block");
  for (size_t i = 1; i < sizes.size(); ++i) {
    if (sizes[0] == 0 || sizes[i] % sizes[0] != 0 || sizes[i] <= sizes[i - 1])
      return FileError(path, sizes_line,
                       "block sizes must rise and be multiples of the first");
    topology.add_levels()->set_name(absl::StrCat("block", sizes[i]));
  }
  if (topology.levels_size() > kMaxLevels)
    return FileError(path, sizes_line,
                     absl::StrCat("more than ", kMaxLevels, " block sizes"));
  std::unordered_set<std::string> names, seen;
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (!names.insert(blocks[b].name).second)
      return FileError(
          path, blocks[b].line,
          absl::StrCat("block \"", blocks[b].name, "\" is described twice"));
    for (const std::string& name : blocks[b].nodes) {
      if (!seen.insert(name).second)
        return FileError(path, blocks[b].line,
                         absl::StrCat("node \"", name, "\" is in two blocks"));
      if (topology.nodes_size() == kMaxNodes)
        return FileError(path, blocks[b].line,
                         absl::StrCat("more than ", kMaxNodes, " nodes"));
      v1::Node& node = *topology.add_nodes();
      node.set_name(name);
      node.add_pods(blocks[b].name);
      for (size_t i = 1; i < sizes.size(); ++i)
        node.add_pods(
            absl::StrCat("block", sizes[i], "-", b / (sizes[i] / sizes[0])));
      *node.add_origins() = AtLine(blocks[b].line);
    }
  }
  if (topology.nodes_size() == 0)
    return FileError(path, 0, "describes no node");
  return absl::OkStatus();
}

}  // namespace ithaca::topology
