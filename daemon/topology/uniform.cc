#include "daemon/topology/uniform.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/topology/accelerator_table.h"
#include "daemon/topology/check.h"
#include "daemon/topology/slots.h"

namespace ithaca::topology {
namespace {

constexpr uint32_t kAskedSource = 0;
constexpr uint32_t kTableSource = 1;

absl::Status CheckCount(const char* field, uint64_t value, uint64_t low,
                        uint64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": is ", value, "; must be from ", low, " to ", high));
}

absl::Status CheckCounts(const UniformCluster& cluster) {
  const absl::Status all[] = {
      CheckCount("nodes", cluster.nodes, 1, kMaxNodes),
      CheckCount("accelerators_per_node", cluster.accelerators_per_node, 1,
                 kMaxPerNode),
      CheckCount("rails_per_node", cluster.rails_per_node, 0, kMaxPerNode),
      CheckCount("nodes_per_leaf", cluster.nodes_per_leaf, 0, kMaxNodes),
      CheckCount("nodes * accelerators_per_node",
                 uint64_t{cluster.nodes} * cluster.accelerators_per_node, 1,
                 kMaxSlots)};
  for (const absl::Status& status : all)
    if (!status.ok()) return status;
  return absl::OkStatus();
}

// All of a node but what depends on its number.
v1::Node Prototype(const UniformCluster& cluster,
                   const KnownAccelerator& known) {
  v1::Node node;
  if (cluster.host_memory_bytes)
    node.set_host_memory_bytes(*cluster.host_memory_bytes);
  v1::Accelerator accelerator;
  FillFrom(known, kTableSource, accelerator);
  for (uint32_t i = 0; i < cluster.accelerators_per_node; ++i) {
    accelerator.set_local_index(i);
    *node.add_accelerators() = accelerator;
  }
  for (uint32_t i = 0; i < cluster.rails_per_node; ++i) {
    v1::Rail& rail = *node.add_rails();
    rail.set_name(absl::StrCat("rail", i));
    if (cluster.rail_mbps) rail.set_speed_mbps(*cluster.rail_mbps);
  }
  return node;
}

// Puts the accelerators of node `index` into their NVLink domain.
void Join(const KnownAccelerator& known, uint32_t index, v1::Node& node) {
  const uint32_t size = known.nvlink_domain;
  const auto count = static_cast<uint32_t>(node.accelerators_size());
  if (size == 0 && known.nvlink_bytes_per_second) return;  // cabling decides
  for (uint32_t i = 0; i < count; ++i) {
    std::string domain;
    if (size != 0 && known.rack_domain && size >= count) {
      domain = absl::StrCat("rack", index / (size / count));
    } else if (size != 0) {
      domain = size >= count ? node.name()
                             : absl::StrCat(node.name(), "/", i / size);
    }
    node.mutable_accelerators(static_cast<int>(i))->set_nvlink_domain(domain);
  }
}

}  // namespace

absl::StatusOr<v1::Topology> MakeUniformTopology(
    const UniformCluster& cluster) {
  if (absl::Status s = CheckCounts(cluster); !s.ok()) return s;
  const auto known = GetAccelerator(cluster.accelerator);
  if (!known.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("accelerator: ", known.status().message()));
  }
  v1::Topology topology;
  topology.add_sources()->set_kind(v1::SOURCE_KIND_COMMAND_LINE);
  topology.add_sources()->set_kind(v1::SOURCE_KIND_ACCELERATOR_TABLE);
  topology.mutable_sources(kTableSource)->set_name("accelerators.yaml");
  topology.add_origins()->set_source(kAskedSource);
  if (cluster.nodes_per_leaf > 0) {
    v1::Level& leaf = *topology.add_levels();
    leaf.set_name("leaf");
    if (cluster.oversubscription)
      leaf.set_oversubscription(*cluster.oversubscription);
  }
  const v1::Node prototype = Prototype(cluster, **known);
  for (uint32_t i = 0; i < cluster.nodes; ++i) {
    v1::Node& node = *topology.add_nodes();
    node = prototype;
    node.set_name(absl::StrCat("node", i));
    Join(**known, i, node);
    if (cluster.nodes_per_leaf > 0)
      node.add_pods(absl::StrCat("leaf", i / cluster.nodes_per_leaf));
  }
  if (absl::Status s = CheckTopology(topology, "cluster"); !s.ok()) return s;
  return topology;
}

}  // namespace ithaca::topology
