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

std::vector<v1::MeshAxis> DefaultRankOrder() {
  return {v1::MESH_AXIS_DATA_PARALLEL, v1::MESH_AXIS_PIPELINE,
          v1::MESH_AXIS_RING, v1::MESH_AXIS_ULYSSES, v1::MESH_AXIS_TENSOR};
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
  for (v1::MeshAxis axis : DefaultRankOrder()) {
    count *= DegreeOf(mesh, axis);
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
                 const v1::MeshCoordinate& coordinate) {
  uint32_t group = 0;
  for (v1::MeshAxis axis : order) {
    if (axis == v1::MESH_AXIS_ULYSSES) continue;
    group = group * DegreeOf(mesh, axis) + IndexOf(coordinate, axis);
  }
  return group;
}

}  // namespace ithaca::planner
