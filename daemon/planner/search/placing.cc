#include "daemon/planner/search/placing.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace ithaca::planner {
namespace {

using topology::Slot;
using topology::v1::Node;
using topology::v1::Topology;

// The NVLink domain of a slot; empty: none.
const std::string& DomainOf(const Node& node, uint32_t index) {
  static const std::string* const kNone = new std::string;
  if (index >= static_cast<uint32_t>(node.accelerators_size())) return *kNone;
  return node.accelerators(static_cast<int>(index)).nvlink_domain();
}

uint32_t SlotsOf(const Node& node) {
  return node.slots() != 0 ? node.slots()
                           : static_cast<uint32_t>(node.accelerators_size());
}

// A part of the cluster: its children, or the slots of a leaf.
struct Domain {
  std::vector<std::unique_ptr<Domain>> children;
  std::unordered_map<std::string, Domain*> by_name;
  std::vector<Slot> slots;
  uint64_t free = 0;
  size_t taken = 0;  // of `slots`
  // By block size: the first child that may have room for one.
  std::vector<size_t> hints;

  Domain* Child(const std::string& name) {
    Domain*& child = by_name[name];
    if (child == nullptr) {
      children.push_back(std::make_unique<Domain>());
      child = children.back().get();
    }
    return child;
  }
};

// Domains that span nodes are a level of their own; those within one are below
// it.
std::unordered_map<std::string, uint32_t> NodesOfDomains(
    const Topology& topology) {
  std::unordered_map<std::string, uint32_t> nodes;
  std::unordered_map<std::string, const Node*> last;
  for (const Node& node : topology.nodes()) {
    for (const auto& accelerator : node.accelerators()) {
      const std::string& name = accelerator.nvlink_domain();
      if (name.empty()) continue;
      const Node*& seen = last[name];
      if (seen != &node) ++nodes[name];
      seen = &node;
    }
  }
  return nodes;
}

class Tree {
 public:
  Tree(const Topology& topology, std::vector<uint64_t> block_sizes)
      : sizes_(std::move(block_sizes)) {
    const auto spans = NodesOfDomains(topology);
    for (const Node& node : topology.nodes()) AddNode(node, spans);
  }

  // Appends the slots of one block of size sizes_[level] - 1, and finally of a
  // single slot, out of `domain`. REQUIRES: it has as many free.
  void Take(Domain& domain, size_t level, std::vector<Slot>& out) {
    if (Domain* child = Roomy(domain, level)) {
      Take(*child, level, out);
      domain.free -= sizes_[level];
    } else if (level > 0) {
      const uint64_t blocks = sizes_[level] / sizes_[level - 1];
      for (uint64_t i = 0; i < blocks; ++i) Take(domain, level - 1, out);
    } else {
      out.push_back(std::move(domain.slots[domain.taken++]));
      --domain.free;
    }
  }

  Domain& root() { return root_; }

 private:
  void AddNode(const Node& node,
               const std::unordered_map<std::string, uint32_t>& spans) {
    for (uint32_t k = 0; k < SlotsOf(node); ++k) {
      const std::string& name = DomainOf(node, k);
      const auto span = spans.find(name);
      const bool wide = span != spans.end() && span->second > 1;
      std::vector<Domain*> path = {&root_};
      for (int level = node.pods_size(); level-- > 0;) {
        path.push_back(path.back()->Child(node.pods(level)));
      }
      // Names of pods, domains and nodes do not meet: each has a level.
      if (wide) path.push_back(path.back()->Child("domain " + name));
      path.push_back(path.back()->Child("node " + node.name()));
      if (!wide && !name.empty()) {
        path.push_back(path.back()->Child("domain " + name));
      }
      path.back()->Child("slots")->slots.push_back({node.name(), k});
      path.push_back(path.back()->Child("slots"));
      for (Domain* domain : path) ++domain->free;
    }
  }

  // The first child with room for a whole block; null: none.
  Domain* Roomy(Domain& domain, size_t level) {
    if (domain.hints.empty()) domain.hints.resize(sizes_.size());
    size_t& hint = domain.hints[level];
    while (hint < domain.children.size() &&
           domain.children[hint]->free < sizes_[level]) {
      ++hint;
    }
    return hint < domain.children.size() ? domain.children[hint].get()
                                         : nullptr;
  }

  const std::vector<uint64_t> sizes_;  // ascending, each divides the next
  Domain root_;
};

// Sizes of the blocks that should stay together, from 1 to all ranks.
std::vector<uint64_t> BlockSizes(const Strategy& s) {
  const bool ring_inside = s.hybrid_order == HybridOrder::kRingInside;
  const uint32_t degrees[] = {s.tensor, ring_inside ? s.ring : s.ulysses,
                              ring_inside ? s.ulysses : s.ring, s.data_parallel,
                              s.pipeline};
  std::vector<uint64_t> sizes = {1};
  for (uint32_t degree : degrees) {
    if (degree > 1) sizes.push_back(sizes.back() * degree);
  }
  return sizes;
}

// What two slots have in common, as numbers.
struct Location {
  uint32_t nvlink, node, pod;
};

std::vector<Location> Locate(const Topology& topology,
                             const std::vector<Slot>& slots) {
  std::unordered_map<std::string, const Node*> nodes;
  for (const Node& node : topology.nodes()) nodes[node.name()] = &node;
  std::unordered_map<std::string, uint32_t> numbers;
  const auto number = [&numbers](const std::string& name) {
    return numbers.try_emplace(name, static_cast<uint32_t>(numbers.size()))
        .first->second;
  };
  std::vector<Location> locations;
  locations.reserve(slots.size());
  for (const Slot& slot : slots) {
    const Node& node = *nodes.at(slot.node);
    Location at;
    const std::string& domain = DomainOf(node, slot.local_index);
    // Without NVLink a slot is a domain of its own.
    at.nvlink = number(domain.empty() ? "s" + std::to_string(slot.local_index) +
                                            " " + slot.node
                                      : "d" + domain);
    at.node = number("n" + slot.node);
    at.pod = number("p" + (node.pods().empty() ? "" : node.pods(0)));
    locations.push_back(at);
  }
  return locations;
}

// Of the groups base + i * stride, i < degree: peers of the member with the
// most far ones.
Spread WorstSpread(const std::vector<Location>& at, uint32_t stride,
                   uint32_t degree) {
  // At most three names for each slot.
  std::vector<uint32_t> nvlink(3 * at.size()), node(nvlink), pod(nvlink);
  Spread worst;
  uint64_t worst_far = 0;
  const size_t ranks = at.size();
  for (size_t first = 0; first < ranks; ++first) {
    if (first / stride % degree != 0) continue;
    const size_t end = first + size_t{stride} * degree;
    for (size_t i = first; i < end; i += stride) {
      ++nvlink[at[i].nvlink];
      ++node[at[i].node];
      ++pod[at[i].pod];
    }
    for (size_t i = first; i < end; i += stride) {
      const uint32_t in_domain = nvlink[at[i].nvlink];
      const uint32_t in_node = std::max(in_domain, node[at[i].node]);
      const uint32_t in_pod = std::max(in_node, pod[at[i].pod]);
      const Spread spread{{in_domain - 1, in_node - in_domain, in_pod - in_node,
                           degree - in_pod}};
      // Uplinks count most, then leaves, then the node.
      const uint64_t far = (uint64_t{spread.peers[3]} << 40) +
                           (uint64_t{spread.peers[2]} << 20) + spread.peers[1];
      if (far < worst_far || (far == worst_far && worst.Peers() != 0)) continue;
      worst = spread;
      worst_far = far;
    }
    for (size_t i = first; i < end; i += stride) {
      nvlink[at[i].nvlink] = node[at[i].node] = pod[at[i].pod] = 0;
    }
  }
  return worst;
}

}  // namespace

std::vector<Slot> PlaceRanks(const Topology& topology,
                             const Strategy& strategy) {
  const std::vector<uint64_t> sizes = BlockSizes(strategy);
  Tree tree(topology, sizes);
  std::vector<Slot> slots;
  slots.reserve(sizes.back());
  tree.Take(tree.root(), sizes.size() - 1, slots);
  return slots;
}

Placement PlacementAt(const Topology& topology, const Strategy& s,
                      const std::vector<Slot>& slots) {
  const std::vector<Location> at = Locate(topology, slots);
  const bool ring_inside = s.hybrid_order == HybridOrder::kRingInside;
  const uint32_t data = s.data_parallel * s.ring * s.ulysses;
  Placement placement;
  const struct {
    Group group;
    uint32_t stride, degree;
  } groups[] = {
      {Group::kTensor, 1, s.tensor},
      {Group::kUlysses, s.tensor * (ring_inside ? s.ring : 1), s.ulysses},
      {Group::kRing, s.tensor * (ring_inside ? 1 : s.ulysses), s.ring},
      {Group::kData, s.tensor, data},
      {Group::kExpert, s.tensor, s.expert_parallel},
      {Group::kPipeline, s.tensor * data, s.pipeline},
  };
  for (const auto& g : groups) {
    if (g.degree == 1) continue;
    placement.Of(g.group) = WorstSpread(at, g.stride, g.degree);
  }
  return placement;
}

}  // namespace ithaca::planner
