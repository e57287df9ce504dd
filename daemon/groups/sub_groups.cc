#include "daemon/groups/sub_groups.h"

#include <optional>
#include <utility>

#include "daemon/planner/mesh.h"

namespace ithaca::groups {
namespace {

namespace pv1 = planner::v1;

constexpr std::pair<pv1::MeshAxis, const char*> kAxes[] = {
    {pv1::MESH_AXIS_DATA_PARALLEL, "dp"}, {pv1::MESH_AXIS_PIPELINE, "pp"},
    {pv1::MESH_AXIS_RING, "ring"},        {pv1::MESH_AXIS_ULYSSES, "ulysses"},
    {pv1::MESH_AXIS_TENSOR, "tp"},
};
constexpr size_t kAxisCount = sizeof(kAxes) / sizeof(kAxes[0]);

// The mesh in the planner's words.
struct Layout {
  pv1::Mesh mesh;
  std::vector<pv1::MeshAxis> order;
  uint32_t ranks = 0;
};

void SetDegree(pv1::MeshAxis axis, uint32_t degree, pv1::Mesh* mesh) {
  switch (axis) {
    case pv1::MESH_AXIS_DATA_PARALLEL:
      return mesh->set_data_parallel(degree);
    case pv1::MESH_AXIS_PIPELINE:
      return mesh->set_pipeline(degree);
    case pv1::MESH_AXIS_RING:
      return mesh->set_ring(degree);
    case pv1::MESH_AXIS_ULYSSES:
      return mesh->set_ulysses(degree);
    case pv1::MESH_AXIS_TENSOR:
      return mesh->set_tensor(degree);
    default:
      return;
  }
}

// Nothing when an axis is missing or has no ranks.
std::optional<Layout> LayoutOf(const Mesh& mesh) {
  Layout layout;
  if (mesh.size() != kAxisCount) return std::nullopt;
  for (const Axis& axis : mesh) {
    const auto name = static_cast<pv1::MeshAxis>(axis.axis);
    SetDegree(name, axis.degree, &layout.mesh);
    layout.order.push_back(name);
  }
  // 0 when an axis was not set, so that each is there once.
  const std::optional<uint32_t> ranks = planner::RankCount(layout.mesh);
  if (!ranks.has_value()) return std::nullopt;
  layout.ranks = *ranks;
  return layout;
}

v1::SubGroup Along(const Layout& layout, size_t axis, uint32_t rank) {
  v1::SubGroup sub_group;
  sub_group.set_axis(kAxes[axis].second);
  for (const uint32_t member :
       planner::MembersOf(layout.mesh, layout.order, kAxes[axis].first, rank)) {
    if (member == rank)
      sub_group.set_index(static_cast<uint32_t>(sub_group.slots_size()));
    sub_group.add_slots(member);
  }
  return sub_group;
}

}  // namespace

Mesh MeshOf(const planner::v1::Plan& plan) {
  Mesh mesh;
  for (const int axis : plan.rank_order()) {
    mesh.push_back({axis, planner::DegreeOf(plan.mesh(),
                                            static_cast<pv1::MeshAxis>(axis))});
  }
  return mesh;
}

std::vector<v1::SubGroup> SubGroupsOf(const Mesh& mesh, uint32_t rank) {
  const std::optional<Layout> layout = LayoutOf(mesh);
  std::vector<v1::SubGroup> all;
  if (!layout.has_value() || rank >= layout->ranks) return all;
  for (size_t axis = 0; axis < kAxisCount; ++axis)
    all.push_back(Along(*layout, axis, rank));
  return all;
}

std::vector<v1::SubGroup> AllSubGroups(const Mesh& mesh) {
  const std::optional<Layout> layout = LayoutOf(mesh);
  std::vector<v1::SubGroup> all;
  if (!layout.has_value()) return all;
  for (size_t axis = 0; axis < kAxisCount; ++axis) {
    if (planner::DegreeOf(layout->mesh, kAxes[axis].first) < 2) continue;
    for (uint32_t rank = 0; rank < layout->ranks; ++rank) {
      v1::SubGroup sub_group = Along(*layout, axis, rank);
      // Its first rank names it.
      if (sub_group.index() == 0) all.push_back(std::move(sub_group));
    }
  }
  return all;
}

}  // namespace ithaca::groups
