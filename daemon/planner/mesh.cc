#include "daemon/planner/mesh.h"

#include <algorithm>
#include <limits>

namespace ithaca::planner {
namespace {

void SetIndex(v1::MeshAxis axis, uint32_t index,
              v1::MeshCoordinate& coordinate) {
  switch (axis) {
    case v1::MESH_AXIS_DATA_PARALLEL:
      return coordinate.set_data_parallel(index);
    case v1::MESH_AXIS_PIPELINE:
      return coordinate.set_pipeline(index);
    case v1::MESH_AXIS_RING:
      return coordinate.set_ring(index);
    case v1::MESH_AXIS_ULYSSES:
      return coordinate.set_ulysses(index);
    case v1::MESH_AXIS_TENSOR:
      return coordinate.set_tensor(index);
    default:
      return;
  }
}

uint32_t IndexOf(const v1::MeshCoordinate& coordinate, v1::MeshAxis axis) {
  switch (axis) {
    case v1::MESH_AXIS_DATA_PARALLEL:
      return coordinate.data_parallel();
    case v1::MESH_AXIS_PIPELINE:
      return coordinate.pipeline();
    case v1::MESH_AXIS_RING:
      return coordinate.ring();
    case v1::MESH_AXIS_ULYSSES:
      return coordinate.ulysses();
    case v1::MESH_AXIS_TENSOR:
      return coordinate.tensor();
    default:
      return 0;
  }
}

}  // namespace

std::vector<v1::MeshAxis> RankOrderOf(v1::HybridOrder order) {
  const bool ring_inside = order == v1::HYBRID_ORDER_RING_INSIDE;
  const v1::MeshAxis ring = v1::MESH_AXIS_RING;
  const v1::MeshAxis ulysses = v1::MESH_AXIS_ULYSSES;
  return {v1::MESH_AXIS_PIPELINE, v1::MESH_AXIS_DATA_PARALLEL,
          ring_inside ? ulysses : ring, ring_inside ? ring : ulysses,
          v1::MESH_AXIS_TENSOR};
}

uint32_t DegreeOf(const v1::Mesh& mesh, v1::MeshAxis axis) {
  switch (axis) {
    case v1::MESH_AXIS_DATA_PARALLEL:
      return mesh.data_parallel();
    case v1::MESH_AXIS_PIPELINE:
      return mesh.pipeline();
    case v1::MESH_AXIS_RING:
      return mesh.ring();
    case v1::MESH_AXIS_ULYSSES:
      return mesh.ulysses();
    case v1::MESH_AXIS_TENSOR:
      return mesh.tensor();
    default:
      return 0;
  }
}

std::optional<uint32_t> RankCount(const v1::Mesh& mesh) {
  uint64_t count = 1;
  for (int axis = v1::MESH_AXIS_DATA_PARALLEL; axis <= v1::MESH_AXIS_TENSOR;
       ++axis) {
    count *= DegreeOf(mesh, static_cast<v1::MeshAxis>(axis));
    if (count == 0 || count > std::numeric_limits<uint32_t>::max()) {
      return std::nullopt;
    }
  }
  return static_cast<uint32_t>(count);
}

v1::MeshCoordinate CoordinateOf(const v1::Mesh& mesh,
                                const std::vector<v1::MeshAxis>& order,
                                uint32_t rank) {
  v1::MeshCoordinate coordinate;
  for (size_t i = order.size(); i-- > 0;) {
    const uint32_t degree = std::max(1u, DegreeOf(mesh, order[i]));
    SetIndex(order[i], rank % degree, coordinate);
    rank /= degree;
  }
  return coordinate;
}

uint32_t GroupOf(const v1::Mesh& mesh, const std::vector<v1::MeshAxis>& order,
                 v1::MeshAxis axis, const v1::MeshCoordinate& coordinate) {
  uint32_t group = 0;
  for (v1::MeshAxis other : order) {
    if (other == axis) continue;
    group = group * DegreeOf(mesh, other) + IndexOf(coordinate, other);
  }
  return group;
}

uint32_t StrideOf(const v1::Mesh& mesh, const std::vector<v1::MeshAxis>& order,
                  v1::MeshAxis axis) {
  uint32_t stride = 1;
  for (size_t i = order.size(); i-- > 0 && order[i] != axis;) {
    stride *= DegreeOf(mesh, order[i]);
  }
  return stride;
}

std::vector<uint32_t> MembersOf(const v1::Mesh& mesh,
                                const std::vector<v1::MeshAxis>& order,
                                v1::MeshAxis axis, uint32_t rank) {
  const uint32_t stride = StrideOf(mesh, order, axis);
  const uint32_t degree = DegreeOf(mesh, axis);
  const uint32_t first = rank - rank / stride % degree * stride;
  std::vector<uint32_t> members(degree);
  for (uint32_t i = 0; i < degree; ++i) members[i] = first + i * stride;
  return members;
}

}  // namespace ithaca::planner
