#include "daemon/topology/slots.h"

#include <algorithm>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace ithaca::topology {
namespace {

// Names reach terminals, logs and canonical texts, so only printable ASCII
// passes.
bool IsPrintable(const std::string& name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c < 127; });
}

absl::Status CheckName(const std::string& name, const std::string& path) {
  if (name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": missing; give every node a name"));
  }
  if (name.size() > kMaxNodeNameBytes || !IsPrintable(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a node name is at most ", kMaxNodeNameBytes,
                     " printable ASCII characters without spaces"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Slot>> ListSlots(const v1::Topology& topology,
                                            const std::string& path) {
  if (topology.nodes_size() > kMaxNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ".nodes: ", topology.nodes_size(),
                     " nodes, at most ", kMaxNodes));
  }
  std::vector<Slot> slots;
  std::unordered_set<std::string> names;
  for (int i = 0; i < topology.nodes_size(); ++i) {
    const v1::Node& node = topology.nodes(i);
    const std::string here = absl::StrCat(path, ".nodes[", i, "]");
    if (absl::Status s = CheckName(node.name(), here + ".name"); !s.ok()) {
      return s;
    }
    if (!names.insert(node.name()).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          here, ".name: two nodes are called \"", node.name(), "\""));
    }
    const uint64_t count =
        node.slots() != 0 ? node.slots() : node.accelerators_size();
    if (count == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          here, ".slots: node \"", node.name(),
          "\" lists no accelerators; say how many ranks it may run"));
    }
    if (count > kMaxSlots - slots.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(here, ".slots: more than ", kMaxSlots, " slots in all"));
    }
    for (uint64_t k = 0; k < count; ++k) {
      slots.push_back({node.name(), static_cast<uint32_t>(k)});
    }
  }
  return slots;
}

}  // namespace ithaca::topology
